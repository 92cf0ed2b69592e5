// Counts what programs ask the kernel to change by netlink: routes, addresses, links, nftables and IPVS.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	packetStatistics = 6      // linux/if_packet.h, PACKET_STATISTICS
	allProtocols     = 0x0300 // ETH_P_ALL in network byte order

	genericControl = 0x10 // linux/genetlink.h, GENL_ID_CTRL
	batchBegin     = 0x10 // linux/netfilter/nfnetlink.h, NFNL_MSG_BATCH_BEGIN

	messageHeader = 16
	receiveBuffer = 64 << 20
	idle          = 20_000 // microseconds after which it is looked whether the end has come
)

// Commands of linux/ip_vs.h that change something: NEW, SET and DEL of services, destinations and daemons, SET_CONFIG,
// ZERO and FLUSH.
var ipvsWrites = map[byte]bool{1: true, 2: true, 3: true, 5: true, 6: true, 7: true, 9: true, 10: true, 12: true, 16: true, 17: true}

// Messages of linux/rtnetlink.h: NEW, DEL and SET of links, addresses and routes.
var routeWrites = map[uint16]bool{16: true, 17: true, 19: true, 20: true, 21: true, 24: true, 25: true}

func isWrite(protocol uint16, message []byte) bool {
	if binary.NativeEndian.Uint16(message[6:])&syscall.NLM_F_REQUEST == 0 {
		return false // what the kernel answers and announces
	}
	kind := binary.NativeEndian.Uint16(message[4:])
	switch protocol {
	case syscall.NETLINK_ROUTE:
		return routeWrites[kind]
	case syscall.NETLINK_NETFILTER:
		return kind == batchBegin // every nftables transaction starts with one
	case syscall.NETLINK_GENERIC:
		// In the guests that this is for, nobody uses another family than IPVS.
		return kind != genericControl && len(message) > messageHeader && ipvsWrites[message[messageHeader]]
	}
	return false
}

// countWrites looks at every message of one packet.
func countWrites(protocol uint16, packet []byte) (count int64) {
	for len(packet) >= messageHeader {
		length := int(binary.NativeEndian.Uint32(packet))
		if length < messageHeader || length > len(packet) {
			break
		}
		if isWrite(protocol, packet[:length]) {
			count++
		}
		packet = packet[min((length+3)&^3, len(packet)):]
	}
	return count
}

// runWrites takes the name of a device of type nlmon. It prints "ready", counts until its standard input ends, and
// prints the number.
func runWrites(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: writes NLMON-DEVICE")
	}
	device, err := net.InterfaceByName(arguments[0])
	if err != nil {
		return err
	}
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		return err
	}
	if err := syscall.Bind(socket, &syscall.SockaddrLinklayer{Protocol: allProtocols, Ifindex: device.Index}); err != nil {
		return err
	}
	if err := syscall.SetsockoptTimeval(socket, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: idle}); err != nil {
		return err
	}
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	fmt.Println("ready")
	total, err := receivePackets(socket, &ended)
	if err != nil {
		return err
	}
	if lost := lostPackets(socket); lost > 0 {
		return fmt.Errorf("%d messages were not seen", lost)
	}
	fmt.Println(total)
	return nil
}

// receivePackets returns the count once the end has come and nothing is left to read.
func receivePackets(socket int, ended *atomic.Bool) (total int64, err error) {
	buffer := make([]byte, 4<<20)
	for {
		last := ended.Load()
		length, from, err := syscall.Recvfrom(socket, buffer, 0)
		switch {
		case err == syscall.EAGAIN && last:
			return total, nil
		case err == syscall.EAGAIN || err == syscall.EINTR:
		case err != nil:
			return 0, err
		default:
			link, ok := from.(*syscall.SockaddrLinklayer)
			if !ok {
				return 0, fmt.Errorf("a packet from %v", from)
			}
			total += countWrites(link.Protocol<<8|link.Protocol>>8, buffer[:length])
		}
	}
}

func lostPackets(socket int) uint32 {
	var statistics struct{ packets, drops uint32 }
	size := uint32(unsafe.Sizeof(statistics))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(socket), syscall.SOL_PACKET, packetStatistics,
		uintptr(unsafe.Pointer(&statistics)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 1
	}
	return statistics.drops
}
