package shell

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/lua"
)

// A supervisor is the nsh outside the fence: it opens files for the one inside, passes signals on, and sees to it that
// there is an end.
type supervisor struct {
	child   *fence.Child
	signals chan os.Signal
	err     io.Writer
	subject string
	prompt  bool // somebody types: Ctrl-C is no end
	time    time.Duration
	limits  fence.Limits

	asked int  // the exit code that a signal asked for
	late  bool // --time has run out
	kill  <-chan time.Time
}

// How long the child may take to end in order, before it is ended: nothing can be left behind, so there is no hurry but
// the person's.
const (
	interruptGrace = 180 * time.Millisecond
	endGrace       = 800 * time.Millisecond
)

// diedAsFirst is the exit code of a Go program that is told to end before it listens, and is the first process of its
// namespace, which no signal of its own can end.
const diedAsFirst = 2

// listen has signals come to the supervisor. It is called before the child is started, so that none is lost.
func (s *supervisor) listen() {
	s.signals = make(chan os.Signal, 16)
	notify(s.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGCONT, syscall.SIGWINCH)
}

// run gives the exit code.
func (s *supervisor) run(files *fence.Files) int {
	defer s.child.Close()
	lua.Go("files", nil, func() {
		defer files.Close()
		s.child.Serve(files)
	})
	crash := make(chan string, 1)
	lua.Go("crash", nil, func() { crash <- s.child.Crash() })
	ended := make(chan *os.ProcessState, 1)
	lua.Go("wait", nil, func() {
		state, _ := s.child.Wait()
		ended <- state
	})
	var clock <-chan time.Time
	if s.time > 0 {
		clock = time.After(s.time)
	}
	for {
		select {
		case state := <-ended:
			return s.code(state, <-crash)
		case sig := <-s.signals:
			number, _ := sig.(syscall.Signal)
			s.pass(number)
		case <-clock:
			s.late = true
			s.child.Signal(syscall.SIGKILL)
		case <-s.kill:
			s.child.Signal(syscall.SIGKILL)
		}
	}
}

// early is the exit code of a signal that came while nothing was there to take it, or 0.
func (s *supervisor) early() int {
	select {
	case sig := <-s.signals:
		number, _ := sig.(syscall.Signal)
		if number != syscall.SIGWINCH && number != syscall.SIGTSTP && number != syscall.SIGCONT {
			return 128 + int(number)
		}
	default:
	}
	return 0
}

// pass gives a signal to the child: it has a session of its own, so that the terminal's reach its parent only.
func (s *supervisor) pass(sig syscall.Signal) {
	switch sig {
	case syscall.SIGTSTP:
		s.child.Signal(syscall.SIGSTOP)
		syscall.Kill(os.Getpid(), syscall.SIGSTOP) // this thread may run on for a moment
		return
	case syscall.SIGCONT, syscall.SIGWINCH:
		s.child.Signal(sig)
		return
	case syscall.SIGQUIT:
		s.asked = 128 + int(sig)
		s.child.Signal(syscall.SIGKILL)
		return
	}
	s.child.Signal(sig)
	switch {
	case sig == syscall.SIGINT && s.prompt, s.kill != nil:
	case sig == syscall.SIGINT:
		s.asked, s.kill = exitInterrupted, time.After(interruptGrace)
	default:
		s.asked, s.kill = 128+int(sig), time.After(endGrace)
	}
}

// code is the exit code, and says what the child could not say itself.
func (s *supervisor) code(state *os.ProcessState, crash string) int {
	if state == nil {
		return exitFailed
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	say := func(format string, args ...any) {
		fmt.Fprintf(s.err, "nsh: %s "+format+"\n", append([]any{s.subject}, args...)...)
	}
	switch {
	case s.late:
		fmt.Fprintln(s.err, lateText(s.subject, s.time))
		return exitFailed
	case s.asked != 0 && crash == "" && (status.Signaled() || status.ExitStatus() == diedAsFirst):
		if s.asked == exitInterrupted {
			fmt.Fprintln(s.err, "interrupted")
		}
		return s.asked
	case status.Exited() && crash == "":
		return status.ExitStatus()
	case crash != "":
		s.explain(say, crash)
		return exitFailed
	case s.limits.CPU > 0 && state.UserTime()+state.SystemTime() >= s.limits.CPU:
		say("was ended after %v of processor time", s.limits.CPU)
		return exitFailed
	}
	say("was killed (%v)", status.Signal())
	return 128 + int(status.Signal())
}

func lateText(subject string, limit time.Duration) string {
	return fmt.Sprintf("nsh: %s was ended after %v (--time)", subject, limit)
}

// explain says why the child's runtime gave up: the limit, in words, or else all that it said, for that is a mistake
// in nsh.
func (s *supervisor) explain(say func(string, ...any), crash string) {
	for _, sign := range []string{"out of memory", "cannot allocate memory", "newosproc", "failed to create new OS thread", "pthread_create failed"} {
		if strings.Contains(crash, sign) && s.limits.Memory > 0 {
			say("was ended: it wanted more than its %s of memory (--memory)", sizeText(s.limits.Memory))
			return
		}
	}
	if strings.Contains(crash, "stack exceeds") {
		say("was ended: it called itself too deep")
		return
	}
	say("ended by a mistake in nsh:\n%s", strings.TrimSpace(crash))
}
