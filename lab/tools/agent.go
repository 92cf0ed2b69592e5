// The guest's end of the command channel. A stream starts with one line of JSON, the request; what follows is
// the command's standard input in frames: length u32 (0: its end), bytes. Back come frames: kind u8 (1 stdout,
// 2 stderr, 3 exit), length u32, bytes. A client that goes away ends its command.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	replyStdout = 1
	replyStderr = 2
	replyExit   = 3

	// A command may leave a process behind that holds its output open: wait this long for the rest.
	drainDelay = 2 * time.Second
)

type request struct {
	Argv []string          `json:"argv"`
	Env  map[string]string `json:"env"`
	Cwd  string            `json:"cwd"`
	TTY  *windowSize       `json:"tty"`
}

type exitStatus struct {
	Code  int    `json:"code"`
	Error string `json:"error,omitempty"`
}

// runAgent takes the port to serve: see openPort.
func runAgent(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: agent PORT-NAME")
	}
	port, err := openPort(arguments[0])
	if err != nil {
		return err
	}
	return newMultiplexer(port, serveCommand).Serve()
}

// A reply writes frames of one kind.
type reply struct {
	kind   byte
	stream io.Writer
	mutex  *sync.Mutex
}

func (r reply) Write(bytes []byte) (int, error) {
	frame := make([]byte, 5+len(bytes))
	frame[0] = r.kind
	binary.BigEndian.PutUint32(frame[1:], uint32(len(bytes)))
	copy(frame[5:], bytes)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if _, err := r.stream.Write(frame); err != nil {
		return 0, err
	}
	return len(bytes), nil
}

// An inputFrames reads what the frames of standard input carry.
type inputFrames struct {
	source io.Reader
	left   uint32
	ended  bool
}

func (f *inputFrames) Read(buffer []byte) (int, error) {
	if f.ended {
		return 0, io.EOF
	}
	if f.left == 0 {
		var header [4]byte
		if _, err := io.ReadFull(f.source, header[:]); err != nil {
			return 0, err
		}
		f.left = binary.BigEndian.Uint32(header[:])
		f.ended = f.left == 0
		return 0, nil
	}
	count, err := f.source.Read(buffer[:min(len(buffer), int(f.left))])
	f.left -= uint32(count)
	return count, err
}

func serveCommand(stream *Stream) {
	defer stream.Close()
	input := bufio.NewReader(stream)
	mutex := &sync.Mutex{}
	status := exitStatus{Code: 127}
	line, err := input.ReadBytes('\n')
	var wanted request
	if err == nil {
		err = json.Unmarshal(line, &wanted)
	}
	if err == nil && len(wanted.Argv) == 0 {
		err = errors.New("no command")
	}
	if err == nil {
		status, err = execute(stream, wanted, &inputFrames{source: input}, reply{replyStdout, stream, mutex}, reply{replyStderr, stream, mutex})
	}
	if err != nil {
		status.Error = err.Error()
	}
	text, _ := json.Marshal(status)
	_, _ = reply{replyExit, stream, mutex}.Write(text)
}

func execute(stream *Stream, wanted request, input io.Reader, stdout, stderr io.Writer) (exitStatus, error) {
	command := exec.Command(wanted.Argv[0], wanted.Argv[1:]...)
	command.Dir = wanted.Cwd
	command.Env = os.Environ()
	for name, value := range wanted.Env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.WaitDelay = drainDelay
	var err error
	var drained <-chan struct{}
	if wanted.TTY != nil {
		drained, err = startOnTerminal(command, *wanted.TTY, input, stdout)
	} else {
		err = startWithPipes(command, input, stdout, stderr)
	}
	if err != nil {
		return exitStatus{Code: 127}, err
	}
	finished := make(chan struct{})
	go func() {
		select {
		case <-stream.closed:
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		case <-finished:
		}
	}()
	err = command.Wait()
	close(finished)
	if drained != nil {
		select {
		case <-drained:
		case <-time.After(drainDelay):
		}
	}
	return exitStatus{Code: exitCode(command.ProcessState)}, waitError(err)
}

func startWithPipes(command *exec.Cmd, input io.Reader, stdout, stderr io.Writer) error {
	command.Stdout, command.Stderr = stdout, stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(stdin, input)
		_ = stdin.Close()
	}()
	return nil
}

// exitCode follows the shell: 128 + the signal's number for a command that was killed.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func waitError(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}
