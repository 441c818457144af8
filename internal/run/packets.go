package run

import (
	"bufio"
	bin "encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rpcxray/rpcxray/internal/codegen"
	"github.com/rpcxray/rpcxray/internal/events"
	"github.com/rpcxray/rpcxray/internal/prog"
)

// packets writes what skboutput() sends to files.
type packets struct {
	buffer *events.Packets
	files  map[uint64]*pcap // by the action's id
}

// openPackets makes the files of the script's packets; nil if it sends none.
func (s *session) openPackets() error {
	m := s.kernel.Map(codegen.MapPackets)
	if m == nil {
		return nil
	}
	buffer, err := events.NewPackets(m)
	if err != nil {
		return err
	}
	s.packets = &packets{buffer: buffer, files: map[uint64]*pcap{}}
	byPath := map[string]*pcap{}
	for _, a := range s.prog.Actions {
		if a.Kind != prog.ActPacket {
			continue
		}
		if byPath[a.Format] == nil {
			if byPath[a.Format], err = createPcap(a.Format); err != nil {
				return err
			}
		}
		s.packets.files[uint64(a.ID)] = byPath[a.Format]
	}
	return nil
}

// writePackets moves the packets that are there to their files.
func (s *session) writePackets() error {
	if s.packets == nil {
		return nil
	}
	lost, err := s.packets.buffer.Each(func(p events.Packet) error {
		f, ok := s.packets.files[p.Action]
		if !ok {
			return fmt.Errorf("packet of the unknown action %d", p.Action)
		}
		return f.write(s.symbols.WallTime(p.NS), p.Data)
	})
	for _, f := range s.packets.files {
		err = errors.Join(err, f.out.Flush())
	}
	if err != nil || lost == 0 {
		return err
	}
	s.lost += lost
	return s.warning("%d packets were lost on their way to the pcap file", lost)
}

func (p *packets) close() {
	if p == nil {
		return
	}
	p.buffer.Close()
	for _, f := range p.files {
		f.file.Close() // what was written is flushed
	}
}

// pcap is a file of IP packets in the format of libpcap
// (draft-ietf-opsawg-pcap).
type pcap struct {
	file *os.File
	out  *bufio.Writer
}

const (
	pcapMagic   = 0xa1b2c3d4 // times in microseconds
	pcapMajor   = 2
	pcapMinor   = 4
	pcapSnapLen = 65535
	pcapRawIP   = 101 // LINKTYPE_RAW
)

func createPcap(path string) (*pcap, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("skboutput: %w", err)
	}
	p := &pcap{file: f, out: bufio.NewWriter(f)}
	head := bin.NativeEndian.AppendUint32(nil, pcapMagic)
	head = bin.NativeEndian.AppendUint16(head, pcapMajor)
	head = bin.NativeEndian.AppendUint16(head, pcapMinor)
	for _, word := range []uint32{0, 0, pcapSnapLen, pcapRawIP} {
		head = bin.NativeEndian.AppendUint32(head, word)
	}
	_, err = p.out.Write(head)
	return p, err
}

func (p *pcap) write(at time.Time, data []byte) error {
	var head []byte
	for _, word := range []int{int(at.Unix()), at.Nanosecond() / 1000, len(data), len(data)} {
		head = bin.NativeEndian.AppendUint32(head, uint32(word))
	}
	if _, err := p.out.Write(head); err != nil {
		return fmt.Errorf("skboutput: %w", err)
	}
	if _, err := p.out.Write(data); err != nil {
		return fmt.Errorf("skboutput: %w", err)
	}
	return nil
}
