// The functions of gopoller.go and wait.go that have no body are the runtime's: without this file the compiler asks for one.
