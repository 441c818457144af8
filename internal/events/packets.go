package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"

	"github.com/rpcxray/rpcxray/internal/codegen"
)

// packetBuffer is the size of each CPU's buffer of packets, in bytes.
const packetBuffer = 512 << 10

// Packet is a packet that a program has sent.
type Packet struct {
	Action uint64 // id
	NS     uint64 // since boot
	Data   []byte // valid until the next one is read
}

// Packets delivers what skboutput() sends.
type Packets struct {
	reader *perf.Reader
	record perf.Record
}

// NewPackets opens the buffers of m.
func NewPackets(m *ebpf.Map) (*Packets, error) {
	r, err := perf.NewReader(m, packetBuffer)
	if err != nil {
		return nil, fmt.Errorf("buffers of packets: %w", err)
	}
	return &Packets{reader: r}, nil
}

// Each hands over the packets that are there and returns how many were lost.
func (p *Packets) Each(handle func(Packet) error) (lost uint64, err error) {
	for {
		p.reader.SetDeadline(time.Now())
		switch err := p.reader.ReadInto(&p.record); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return lost, nil
		case err != nil:
			return lost, fmt.Errorf("reading packets: %w", err)
		}
		lost += p.record.LostSamples
		raw := p.record.RawSample
		if len(raw) < codegen.PacketHead {
			continue
		}
		word := func(i int) uint64 { return binary.NativeEndian.Uint64(raw[8*i:]) }
		data := raw[codegen.PacketHead:]
		data = data[:min(word(3), uint64(len(data)))]
		pkt := Packet{Action: word(0), NS: word(1), Data: data[min(word(2), uint64(len(data))):]}
		if err := handle(pkt); err != nil {
			return lost, err
		}
	}
}

// Close frees the buffers.
func (p *Packets) Close() error { return p.reader.Close() }
