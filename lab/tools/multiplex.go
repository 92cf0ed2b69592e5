// Many streams over one serial port. A virtio port is a single pipe; a stream on it is opened by the host,
// carries bytes both ways, and each side ends its half on its own. Frame: stream u32, kind u8, length u32, bytes.
package main

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

const (
	frameOpen  = 0
	frameData  = 1
	frameEnd   = 2 // no more bytes from this side
	frameClose = 3 // forget the stream, in both directions

	headerSize = 9
	chunkSize  = 32 << 10
)

var errClosed = errors.New("stream closed")

// A Multiplexer reads frames in one place and hands them to its streams, whose queues are unbounded:
// a stream that nobody reads never holds up another.
type Multiplexer struct {
	link    io.ReadWriter
	writing sync.Mutex
	mutex   sync.Mutex
	streams map[uint32]*Stream
	next    uint32
	accept  func(*Stream)
}

func newMultiplexer(link io.ReadWriter, accept func(*Stream)) *Multiplexer {
	return &Multiplexer{link: link, accept: accept, streams: map[uint32]*Stream{}}
}

// Serve reads frames until the link fails.
func (m *Multiplexer) Serve() error {
	header := make([]byte, headerSize)
	for {
		if _, err := io.ReadFull(m.link, header); err != nil {
			return err
		}
		payload := make([]byte, binary.BigEndian.Uint32(header[5:]))
		if _, err := io.ReadFull(m.link, payload); err != nil {
			return err
		}
		m.deliver(binary.BigEndian.Uint32(header), header[4], payload)
	}
}

func (m *Multiplexer) deliver(id uint32, kind byte, payload []byte) {
	m.mutex.Lock()
	stream := m.streams[id]
	if kind == frameOpen && m.accept != nil {
		stream = m.add(id)
		go m.accept(stream)
	}
	m.mutex.Unlock()
	if stream == nil {
		return
	}
	switch kind {
	case frameData:
		stream.push(payload)
	case frameEnd:
		stream.endInput(io.EOF)
	case frameClose:
		m.forget(id)
		stream.endInput(errClosed)
	}
}

// add needs the mutex.
func (m *Multiplexer) add(id uint32) *Stream {
	stream := &Stream{id: id, owner: m, closed: make(chan struct{})}
	stream.ready = sync.NewCond(&stream.mutex)
	m.streams[id] = stream
	return stream
}

func (m *Multiplexer) forget(id uint32) {
	m.mutex.Lock()
	delete(m.streams, id)
	m.mutex.Unlock()
}

// Open starts a stream towards the other side.
func (m *Multiplexer) Open() (*Stream, error) {
	m.mutex.Lock()
	m.next++
	stream := m.add(m.next)
	m.mutex.Unlock()
	return stream, m.send(stream.id, frameOpen, nil)
}

func (m *Multiplexer) send(id uint32, kind byte, payload []byte) error {
	frame := make([]byte, headerSize+len(payload))
	binary.BigEndian.PutUint32(frame, id)
	frame[4] = kind
	binary.BigEndian.PutUint32(frame[5:], uint32(len(payload)))
	copy(frame[headerSize:], payload)
	m.writing.Lock()
	defer m.writing.Unlock()
	_, err := m.link.Write(frame)
	return err
}

// A Stream is one command's connection.
type Stream struct {
	id     uint32
	owner  *Multiplexer
	mutex  sync.Mutex
	ready  *sync.Cond
	queue  [][]byte
	ended  error
	closed chan struct{} // closed when the other side has gone
}

func (s *Stream) push(payload []byte) {
	s.mutex.Lock()
	s.queue = append(s.queue, payload)
	s.mutex.Unlock()
	s.ready.Signal()
}

func (s *Stream) endInput(reason error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended == nil || s.ended == io.EOF {
		if reason == errClosed && s.ended != errClosed {
			close(s.closed)
		}
		s.ended = reason
	}
	s.ready.Broadcast()
}

func (s *Stream) Read(buffer []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for len(s.queue) == 0 {
		if s.ended != nil {
			return 0, s.ended
		}
		s.ready.Wait()
	}
	count := copy(buffer, s.queue[0])
	if count == len(s.queue[0]) {
		s.queue = s.queue[1:]
	} else {
		s.queue[0] = s.queue[0][count:]
	}
	return count, nil
}

func (s *Stream) Write(bytes []byte) (int, error) {
	for start := 0; start < len(bytes); start += chunkSize {
		end := min(start+chunkSize, len(bytes))
		if err := s.owner.send(s.id, frameData, bytes[start:end]); err != nil {
			return start, err
		}
	}
	return len(bytes), nil
}

// End says that no more bytes follow.
func (s *Stream) End() { _ = s.owner.send(s.id, frameEnd, nil) }

// Close forgets the stream on both sides.
func (s *Stream) Close() error {
	s.owner.forget(s.id)
	s.endInput(errClosed)
	return s.owner.send(s.id, frameClose, nil)
}
