package tcp

import "golang.org/x/sys/unix"

// queue is a socket that listens on a port of 127.0.0.1 and accepts nothing by itself.
type queue struct {
	fd      int
	name    *unix.SockaddrInet4
	clients []int
}

func stream() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) }

func listening(backlog int) (*queue, error) {
	fd, err := stream()
	if err != nil {
		return nil, err
	}
	q := &queue{fd: fd}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		q.close()
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		q.close()
		return nil, err
	}
	q.name = name.(*unix.SockaddrInet4)
	return q, unix.Listen(fd, backlog)
}

// connect puts a connection into the queue.
func (q *queue) connect() error {
	c, err := stream()
	if err != nil {
		return err
	}
	q.clients = append(q.clients, c)
	return unix.Connect(c, q.name)
}

func (q *queue) close() {
	for _, fd := range append(q.clients, q.fd) {
		unix.Close(fd)
	}
}
