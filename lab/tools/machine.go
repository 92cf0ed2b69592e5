// A machine that is a process of the host: user-mode Linux, whose serial line is a descriptor that it inherits.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// runMachine takes LISTEN (the socket for clients) and the machine's command, which has the port as descriptor 3.
// It ends when the machine ends, and the machine with it.
func runMachine(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: machine LISTEN COMMAND…")
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	link, err := net.FileConn(os.NewFile(uintptr(pair[0]), "port"))
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(pair[1]), "port")
	machine := exec.Command(arguments[1], arguments[2:]...)
	machine.Stdout, machine.Stderr = os.Stdout, os.Stderr
	machine.ExtraFiles = []*os.File{theirs}
	runtime.LockOSThread() // the signal comes when the thread ends that started it
	machine.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := machine.Start(); err != nil {
		return err
	}
	_ = theirs.Close()
	defer func() {
		_ = machine.Process.Kill()
		_ = machine.Wait()
	}()
	if err := awaitSerialLine(link); err != nil {
		return err
	}
	return serveClients(link, arguments[0])
}

// awaitSerialLine returns when the guest's agent has its end of the line: see openSerialLine.
func awaitSerialLine(link io.Reader) error {
	first := make([]byte, 1)
	if _, err := io.ReadFull(link, first); err != nil {
		return fmt.Errorf("the machine ended before it was ready: %w", err)
	}
	if first[0] != serialReady {
		return fmt.Errorf("the serial line starts with %#x", first[0])
	}
	return nil
}
