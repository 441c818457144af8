package kernel

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SpaceEventKind says what happened to a process's memory.
type SpaceEventKind uint8

// The kinds of events.
const (
	SpaceMapped SpaceEventKind = iota // code was mapped
	SpaceExec                         // another program took the place of the old
	SpaceForked                       // the process began, with its parent's memory
	SpaceEnded                        // the thread PID ended
)

// SpaceEvent is a change of a process's memory. Processes are numbered as our
// pid namespace does.
type SpaceEvent struct {
	Kind   SpaceEventKind
	PID    uint32
	Parent uint32 // SpaceForked
	Time   uint64 // CLOCK_MONOTONIC, ns

	// SpaceMapped, as a line of /proc/PID/maps has it.
	Start, End, Offset uint64
	Dev, Inode         uint64
	Path               string
}

// SpaceWatch sees every process map code, execute, fork and end, so that
// addresses of a process can be named when it is gone. Nothing runs in the
// processes for it: perf keeps such records by itself.
type SpaceWatch struct {
	rings []perfRing
	held  []SpaceEvent // newer than the last Drain
}

// ringPages is the room for one CPU's records, about 2,000 of them.
const ringPages = 64

// WatchSpaces starts to keep records; it needs what software perf events need.
func WatchSpaces() (*SpaceWatch, error) {
	cpus, err := OnlineCPUs()
	if err != nil {
		return nil, err
	}
	w := &SpaceWatch{}
	for _, cpu := range cpus {
		r, err := openRing(cpu)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("watching address spaces on CPU %d: %w", cpu, err), w.Close())
		}
		w.rings = append(w.rings, r)
	}
	return w, nil
}

func openRing(cpu int) (perfRing, error) {
	fd, err := openPerf(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY,
		Sample: 1, Sample_type: unix.PERF_SAMPLE_TIME, Clockid: unix.CLOCK_MONOTONIC, Wakeup: ringPages << 12,
		Bits: unix.PerfBitMmap | unix.PerfBitMmap2 | unix.PerfBitComm | unix.PerfBitCommExec | unix.PerfBitTask |
			unix.PerfBitSampleIDAll | unix.PerfBitUseClockID | unix.PerfBitWatermark,
	}, AllProcesses, cpu)
	if err != nil {
		return perfRing{}, err
	}
	size := (1 + ringPages) * unix.Getpagesize()
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return perfRing{}, errors.Join(err, unix.Close(fd))
	}
	return perfRing{fd, mem}, nil
}

// Close stops it.
func (w *SpaceWatch) Close() error {
	var errs []error
	for _, r := range w.rings {
		errs = append(errs, unix.Munmap(r.mem), unix.Close(r.fd))
	}
	w.rings = nil
	return errors.Join(errs...)
}

// Drain calls yield for what has happened up to now, in its order on all CPUs. It
// reports whether records were lost because Drain was called too late.
func (w *SpaceWatch) Drain(yield func(SpaceEvent)) (lost bool) {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return false
	}
	all := w.held
	for _, r := range w.rings {
		r.each(func(record []byte) {
			e, ok, missed := parseSpaceEvent(record)
			lost = lost || missed
			if ok {
				all = append(all, e)
			}
		})
	}
	slices.SortStableFunc(all, func(a, b SpaceEvent) int { return cmp.Compare(a.Time, b.Time) })
	// One CPU's records may be newer than those read of another before.
	n, _ := slices.BinarySearchFunc(all, uint64(now.Nano()), func(e SpaceEvent, t uint64) int { return cmp.Compare(e.Time, t) })
	for _, e := range all[:n] {
		yield(e)
	}
	w.held = slices.Clone(all[n:])
	return lost
}

// perfRing is the memory that perf writes records of one CPU to: a page of
// state (struct perf_event_mmap_page), then the records.
type perfRing struct {
	fd  int
	mem []byte
}

// The places of the words in perf_event_mmap_page.
const (
	ringHead = 1024
	ringTail = 1032
)

func (r perfRing) word(off int) *uint64 { return (*uint64)(unsafe.Pointer(&r.mem[off])) }

// each passes every new record to f, then gives its room back.
func (r perfRing) each(f func(record []byte)) {
	data := r.mem[unix.Getpagesize():]
	head, tail := atomic.LoadUint64(r.word(ringHead)), atomic.LoadUint64(r.word(ringTail))
	for head-tail >= recordHead {
		at := int(tail % uint64(len(data)))
		size := int(binary.LittleEndian.Uint16(data[at+6:])) // records begin at multiples of 8
		if size < recordHead || uint64(size) > head-tail {
			break
		}
		record := data[at:min(at+size, len(data))]
		if rest := size - len(record); rest > 0 {
			record = append(slices.Clone(record), data[:rest]...)
		}
		f(record)
		tail += uint64(size)
	}
	atomic.StoreUint64(r.word(ringTail), head)
}

// Of a record: struct perf_event_header, and the smallest of each type with the
// time behind it.
const (
	recordHead = 8
	commExec   = 1 << 13 // PERF_RECORD_MISC_COMM_EXEC
)

// parseSpaceEvent reads a record (enum perf_event_type in linux/perf_event.h).
// The last word of each is its time, since nothing but PERF_SAMPLE_TIME is asked
// for.
func parseSpaceEvent(b []byte) (e SpaceEvent, ok, lost bool) {
	if len(b) < recordHead+16+8 {
		return e, false, false
	}
	kind, misc := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:])
	body := b[recordHead : len(b)-8]
	e.Time = binary.LittleEndian.Uint64(b[len(b)-8:])
	e.PID = binary.LittleEndian.Uint32(body)
	switch kind {
	case unix.PERF_RECORD_LOST:
		return e, false, true
	case unix.PERF_RECORD_MMAP2:
		ok = e.mapped(body)
	case unix.PERF_RECORD_COMM:
		e.Kind, ok = SpaceExec, misc&commExec != 0
	case unix.PERF_RECORD_FORK: // pid, parent, tid, thread that forked
		e.Kind, e.Parent = SpaceForked, binary.LittleEndian.Uint32(body[4:])
		ok = e.PID != e.Parent
	case unix.PERF_RECORD_EXIT:
		e.Kind, e.PID, ok = SpaceEnded, binary.LittleEndian.Uint32(body[8:]), true
	}
	return e, ok, false
}

// mapped reads PERF_RECORD_MMAP2: pid, tid, address, length, offset, major,
// minor, inode, generation, protection, flags, path.
func (e *SpaceEvent) mapped(b []byte) bool {
	const path = 64
	if len(b) <= path {
		return false
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	half := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	e.Kind = SpaceMapped
	e.Start, e.Offset = word(8), word(24)
	e.End = e.Start + word(16)
	e.Dev, e.Inode = unix.Mkdev(half(32), half(36)), word(40)
	name := b[path:]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	e.Path = string(name)
	return e.End > e.Start
}
