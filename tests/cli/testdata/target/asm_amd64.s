#include "textflag.h"

TEXT ·broken(SB), NOSPLIT, $0-0
	BYTE $0x06 // PUSH ES: not in 64-bit mode
	RET

TEXT ·locked(SB), NOSPLIT, $0-8
	LOCK
	BYTE $0x48; BYTE $0xff; BYTE $0x00 // incq (rax)
	RET
