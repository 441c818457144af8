package codegen

// RegOffset returns where a register lies in the kernel's pt_regs of an
// architecture, in bytes, by the name that reg() takes. The layouts are the
// kernel's: arch/x86/include/asm/ptrace.h and, for arm64, user_pt_regs of
// arch/arm64/include/uapi/asm/ptrace.h.
func RegOffset(arch, name string) (int, bool) {
	off, ok := regOffsets[arch][name]
	return off, ok
}

var regOffsets = map[string]map[string]int{
	"amd64": {
		"r15": 0, "r14": 8, "r13": 16, "r12": 24, "bp": 32, "bx": 40, "r11": 48, "r10": 56, "r9": 64, "r8": 72,
		"ax": 80, "cx": 88, "dx": 96, "si": 104, "di": 112, "orig_ax": 120, "ip": 128, "pc": 128, "cs": 136, "flags": 144,
		"sp": 152, "ss": 160,
	},
	"arm64": {
		"r0": 0, "r1": 8, "r2": 16, "r3": 24, "r4": 32, "r5": 40, "r6": 48, "r7": 56, "r8": 64, "r9": 72, "r10": 80,
		"r11": 88, "r12": 96, "r13": 104, "r14": 112, "r15": 120, "r16": 128, "r17": 136, "r18": 144, "r19": 152,
		"r20": 160, "r21": 168, "r22": 176, "r23": 184, "r24": 192, "r25": 200, "r26": 208, "r27": 216, "r28": 224,
		"r29": 232, "fp": 232, "r30": 240, "lr": 240, "sp": 248, "pc": 256, "pstate": 264,
	},
}
