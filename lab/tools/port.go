// The guest's end of the pipe that the command channel goes through: a virtio port or a serial line.
package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A portLink waits for the host where the kernel says "end of file" for "nobody is connected".
type portLink int

func (p portLink) Read(buffer []byte) (int, error) {
	for {
		count, err := syscall.Read(int(p), buffer)
		if err == syscall.EINTR {
			continue
		}
		if count > 0 || err != nil {
			return count, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p portLink) Write(bytes []byte) (int, error) {
	written := 0
	for written < len(bytes) {
		count, err := syscall.Write(int(p), bytes[written:])
		if err != nil && err != syscall.EINTR && err != syscall.EAGAIN {
			return written, err
		}
		written += max(count, 0)
	}
	return written, nil
}

// openPort takes the name of a virtio port, or the path of a serial line.
func openPort(name string) (portLink, error) {
	if strings.HasPrefix(name, "/") {
		return openSerialLine(name)
	}
	for attempt := 0; attempt < 200; attempt++ {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, path := range names {
			text, _ := os.ReadFile(path)
			if strings.TrimSpace(string(text)) == name {
				device := "/dev/" + filepath.Base(filepath.Dir(path))
				file, err := syscall.Open(device, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
				return portLink(file), err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return -1, errors.New("no virtio port is named " + name)
}

// serialReady is what the guest sends first: before it, its end of the line would edit and echo what it reads.
const serialReady = 0x16

// openSerialLine opens a terminal device that passes bytes as they are (termios(3), cfmakeraw).
func openSerialLine(path string) (portLink, error) {
	file, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOCTTY, 0)
	if err != nil {
		return -1, err
	}
	raw := syscall.Termios{Cflag: syscall.CS8 | syscall.CREAD | syscall.CLOCAL | syscall.B38400}
	raw.Cc[syscall.VMIN] = 1
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(file), syscall.TCSETS, uintptr(unsafe.Pointer(&raw)))
	if errno != 0 {
		return -1, errno
	}
	link := portLink(file)
	_, err = link.Write([]byte{serialReady})
	return link, err
}
