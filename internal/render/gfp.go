package render

import "strconv"

// gfpFlag is a name of the kernel's flags for allocations.
type gfpFlag struct {
	bits uint64
	name string
}

// gfpFlags are the flags of linux/gfp_types.h, sets of several before those that
// they consist of, as the kernel's own traces name them.
var gfpFlags = []gfpFlag{
	{0x21c24ca, "GFP_TRANSHUGE"}, {0x21c20ca, "GFP_TRANSHUGE_LIGHT"}, {0x2100cca, "GFP_HIGHUSER_MOVABLE"},
	{0x100cc2, "GFP_HIGHUSER"}, {0x100cc0, "GFP_USER"}, {0x400cc0, "GFP_KERNEL_ACCOUNT"}, {0xcc0, "GFP_KERNEL"},
	{0xc40, "GFP_NOFS"}, {0x820, "GFP_ATOMIC"}, {0xc00, "GFP_NOIO"}, {0x2800, "GFP_NOWAIT"}, {0x1, "GFP_DMA"},
	{0x2, "__GFP_HIGHMEM"}, {0x4, "GFP_DMA32"}, {0x8, "__GFP_MOVABLE"}, {0x10, "__GFP_RECLAIMABLE"},
	{0x20, "__GFP_HIGH"}, {0x40, "__GFP_IO"}, {0x80, "__GFP_FS"}, {0x100, "__GFP_ZERO"},
	{0x400, "__GFP_DIRECT_RECLAIM"}, {0x800, "__GFP_KSWAPD_RECLAIM"}, {0x1000, "__GFP_WRITE"}, {0x2000, "__GFP_NOWARN"},
	{0x4000, "__GFP_RETRY_MAYFAIL"}, {0x8000, "__GFP_NOFAIL"}, {0x10000, "__GFP_NORETRY"}, {0x20000, "__GFP_MEMALLOC"},
	{0x40000, "__GFP_COMP"}, {0x80000, "__GFP_NOMEMALLOC"}, {0x100000, "__GFP_HARDWALL"}, {0x200000, "__GFP_THISNODE"},
	{0x400000, "__GFP_ACCOUNT"}, {0x800000, "__GFP_ZEROTAGS"}, {0x1000000, "__GFP_SKIP_ZERO"},
	{0x2000000, "__GFP_SKIP_KASAN"}, {0x4000000, "__GFP_NO_OBJ_EXT"},
}

// appendGFP appends the names of the flags in n, and what has none as a number.
func appendGFP(dst []byte, n uint64) []byte {
	if n == 0 {
		return append(dst, '0')
	}
	first := true
	part := func(s string) {
		if !first {
			dst = append(dst, '|')
		}
		first = false
		dst = append(dst, s...)
	}
	for _, f := range gfpFlags {
		if n&f.bits == f.bits {
			part(f.name)
			n &^= f.bits
		}
	}
	if n != 0 {
		part("0x" + strconv.FormatUint(n, 16))
	}
	return dst
}
