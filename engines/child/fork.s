// This file is empty on purpose: with it the compiler takes functions without a body, which the runtime has.
