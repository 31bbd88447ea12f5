package main

// notes say what holds back what is not reached, and what was tried. They are read beside the table above them.
const notes = `
What is behind the figures, and what holds back those that are not reached:

- On a machine that other work keeps busy, a request costs everybody more, and a server that gives its processor away more
  often than C's, to a thread of Go's runtime or to another thread of its own, loses more by it. Between two
  runs an hour apart the same two servers differed by a fifth of their ratio.
- nsh is built by a profile of itself (cmd/nsh/default.pgo, which engines/bench/run --profile writes): beside the same source
  without one, in turns, an on_data in Lua cost 3 % less CPU, Lua that computes 8, thread 3, coroutine 1 to 2, and epoll and
  poll the same. The price is that go test ./... compiles most packages twice, 40 s of two processors when nothing is cached.
- **Event models** (select, poll, epoll, uring) make the same system calls as C, without Go's scheduler (internal/raw), and
  allocate nothing for a message, which tests count. The few per cent that are left are locks and counters: other
  goroutines may look at, send on and close each connection at any time. Go's runtime interrupts a loop that has not had a turn
  of the scheduler's for 10 ms: a turn of the loop's own at every 512th wait spared that, and at most 1 % of the CPU.
- **iterative** gives its processor back to Go's scheduler before it waits, and so goes on sooner: 1.02 to 1.18 × C's
  requests a second at one connection, where it was 0.82 to 0.96 as long as the scheduler had to take it. Its CPU is 1.4 × C's
  either way: with nothing left to run the runtime goes to sleep for each message, and is woken for the next. The same for
  thread takes 3 % more CPU at 64 connections and 1.4 times as much at one, and is not done.
- **uring** sends what a handler returns as a submission: 0.1 system calls a request. Sends by calls of their own cost
  1.2, and 1.3 to 1.4 × C's CPU.
  With 10,000 connections C's own server on io_uring came to 0.90 to 0.94 × C epoll's CPU where this was measured, so that 0.88
  was out of reach there: the kernel has 96 % of what nsh takes, and more than 99 % of what C takes. In C, sends that complete
  without saying so (IOSQE_CQE_SKIP_SUCCESS), and fewer buffers that do not share lines of the cache, made no difference that
  could be measured.
- **A handler in Lua** keeps its flow, its Lua thread and its surroundings from one event to the next, and a connection
  holds its own userdata: 0.7 µs an event of the server's own time, half of it gopher-lua's call and the two pieces of memory
  that Go makes of a string; and a server that is slower than the load has the kernel wake the load for each answer, which is
  as much again. Made anew each time they were 2.7 µs. Measured one after the other 1,000 connections cost up to 1.5 × C's
  CPU; in turns they cost what 64 cost. Fewer locks in a turn (two for four, and no references), and a string's head and bytes
  in one piece of memory were tried and made no difference that could be measured.
- **asyncio** takes 34 µs a request where this was measured, and C's own epoll server 9: seven times is more than C reaches.
- **thread, threadpool**: a request takes the two calls of C's. A thread sleeps in recv, and what has to wake it takes
  the socket out of its blocking mode and sends the thread a signal: the kernel makes the call again, and finds the mode.
  A wait in ppoll ahead of recv, as before, was 1.3 to 1.45 × C's CPU. What is left is Go's way into and out of a call
  that may block, 0.3 to 0.5 µs; its watchman, which takes a thread's processor at every look once the thread has gone
  10 ms without a turn of the scheduler's, and one in a blocked call never has a turn: 2 to 3 % of the CPU with 64
  connections, 6 to 7 % in the pool; and the memory that all this touches in between. With fewer processors than threads a
  request costs up to a fifth more, and with many more of them a garbage collection wakes threads by the dozen; so there are
  about as many as threads, and 256 at most. Ways past the watchman that were tried and were no faster in turns of a tenth
  of a second: to give the processor back at once (1.20 × C's CPU where it was 1.11), and to take a turn of the scheduler's
  at every eighth request (1.08 to 1.22 where it was 1.09 to 1.18). The ratio is the hour's more than others' are: the same nsh
  was measured at 1.07, 1.15 and 1.23 × C's CPU within two hours, and without its profile 4 % above each.
- **prefork**: the workers of a native handler are made by fork without exec and make the two calls of C's. Workers with Go in
  them, as Lua handlers need, cost 4 to 6 × C's CPU at 64 connections: the scheduler looks after every wait, in each of 64
  processes.
- **process**: the child of a native handler is made by fork without exec, of a process that has three times C's memory to
  copy the page tables of, which is half of what is left. The thread that forks also accepts, and learns of the ends of children by
  one epoll descriptor; a goroutine for each child was behind by 600 of them, and 0.3 × C's connections a second. Forks
  that leave no garbage were tried, and were no faster.
- **coroutine**: a fiber is a goroutine to which the loop switches on its own thread (runtime coroswitch, by iter.Pull), and
  which makes its calls itself: two system calls a request, as in C, and a tenth more CPU. With
  1,000 connections it is more: the runtime's switch takes 0.1 µs with 64 and 0.5 with 1,000, whose stacks and goroutines no
  longer fit the processor's nearer caches. The fields of a connection in the order of their use made no difference that
  could be measured. What a handler waits for beside its connections is waited for by another goroutine. Before, fibers ran on other threads, and
  each request was handed over twice by Go's scheduler, at three times the CPU.
- **Memory of a connection under an event loop**: one that says nothing is a row of 32 bytes in its loop's table, by
  descriptor, and what the way of waiting keeps (poll 12, uring 12); its Conn of 220 bytes is only made for a turn, unless
  a handler or a list may hold it, as on_data in Lua may. C has none at all: its state is the descriptor.
- **Memory of a linear handler in Lua** on coroutine: 4 KB of goroutine stack, of which the interpreter's frames take 1.4;
  1 KB for the table of call frames that gopher-lua makes at the start for the depth of recursion that a script may have
  (a handler has 1,016 frames); 1.6 KB of registers, frames and Lua thread; 0.5 for the goroutine itself; 2 KB for the
  connection, its flow and its scope. It was 22 KB with stacks of 8 KB, a table of 4, and the 7 KB of globals that
  gopher-lua's NewThread makes and drops, which the collector left unused. A stack of 2 KB, which gevent's 0.6 would need, is
  less than the interpreter's own frames and Go's reserve of 0.9.
- **Memory of a goroutine's connection**: 2,048 bytes of stack, 480 of goroutine and 512 of Go's poller are the runtime's own:
  3,040 before anything is known of the connection, which is a row and a lock, 72 bytes, while it waits. The rest is what
  the collector has not found yet. 3,072 could only be kept with another poller than Go's.
- **Start-up**: two thirds of nsh's whole time are over when its first line runs: a Go program that does nothing takes 1.2 ×
  lua5.1's, and one that links the same packages and returns at once 2.4 ×, of which libc, which package net brings, is half
  (CGO_ENABLED=0 saves it). Then come the plugins' tables, the Lua world and the threads that Go starts meanwhile; in all
  620 page faults. Signatures are read at the first call, help's pages when somebody asks.
`
