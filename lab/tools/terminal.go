// A pseudo-terminal for an interactive shell in a node.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

type windowSize struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
}

func control(file *os.File, number uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), number, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

func openTerminal(size windowSize) (master, terminal *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	var unlock, number int32
	if err = control(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return nil, nil, err
	}
	if err = control(master, syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		return nil, nil, err
	}
	dimensions := [4]uint16{size.Rows, size.Columns}
	if err = control(master, syscall.TIOCSWINSZ, unsafe.Pointer(&dimensions)); err != nil {
		return nil, nil, err
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return master, terminal, err
}

// startOnTerminal returns a channel that is closed once all output has been passed on.
func startOnTerminal(command *exec.Cmd, size windowSize, input io.Reader, output io.Writer) (<-chan struct{}, error) {
	master, terminal, err := openTerminal(size)
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	command.SysProcAttr.Setctty = true
	if err := command.Start(); err != nil {
		_ = master.Close()
		return nil, err
	}
	go func() { _, _ = io.Copy(master, input) }()
	drained := make(chan struct{})
	go func() {
		_, _ = io.Copy(output, master)
		_ = master.Close()
		close(drained)
	}()
	return drained, nil
}
