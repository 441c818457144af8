package codegen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/rpcxray/rpcxray/internal/prog"
	"github.com/rpcxray/rpcxray/internal/types"
)

// cached returns what a helper without arguments gives, calling it once a run.
func (c *comp) cached(fn asm.BuiltinFunc, args ...opnd) opnd {
	v, ok := c.once[fn]
	if !ok {
		v = c.hoisted(func() opnd { return c.pureCall(fn, args...) })
		c.once[fn] = v
	}
	return v
}

// pidTgid is the process id in the high and the thread id in the low half, as
// rpcxray's pid namespace numbers them.
func (c *comp) pidTgid() opnd {
	if c.t.PIDNSIno == 0 {
		return c.cached(asm.FnGetCurrentPidTgid)
	}
	v, ok := c.once[asm.FnGetNsCurrentPidTgid]
	if !ok {
		v = c.hoisted(func() opnd {
			mark := c.stack.at
			ids := c.stackMem(8)
			c.store(ids, 8, iOpnd(0))
			c.call(asm.FnGetNsCurrentPidTgid, iOpnd(int64(c.t.PIDNSDev)), iOpnd(int64(c.t.PIDNSIno)), c.addr(ids), iOpnd(8))
			v := c.load(ids, 8, false)
			c.stack.at = mark
			return v
		})
		c.once[asm.FnGetNsCurrentPidTgid] = v
	}
	return v
}

// helpers are the builtins that are just what a helper returns.
var helpers = map[prog.BuiltinID]asm.BuiltinFunc{
	prog.BNsecs: asm.FnKtimeGetBootNs, prog.BNsecsMono: asm.FnKtimeGetNs, prog.BNsecsTAI: asm.FnKtimeGetTaiNs,
	prog.BCPU: asm.FnGetSmpProcessorId, prog.BCgroup: asm.FnGetCurrentCgroupId, prog.BRand: asm.FnGetPrandomU32,
	prog.BCurtask: asm.FnGetCurrentTask, prog.BJiffies: asm.FnJiffies64, prog.BNuma: asm.FnGetNumaNodeId,
}

// builtin is the value of a scalar builtin.
func (c *comp) builtin(e *prog.Builtin) opnd {
	switch e.ID {
	case prog.BPid:
		return c.alu(asm.RSh, c.pidTgid(), iOpnd(32))
	case prog.BTid:
		return c.ext(c.pidTgid(), 4, false)
	case prog.BTgidTid:
		return c.cached(asm.FnGetCurrentPidTgid)
	case prog.BUid:
		return c.ext(c.cached(asm.FnGetCurrentUidGid), 4, false)
	case prog.BGid:
		return c.alu(asm.RSh, c.cached(asm.FnGetCurrentUidGid), iOpnd(32))
	case prog.BWall:
		return c.alu(asm.Add, c.pureCall(asm.FnKtimeGetBootNs), c.inReg(iOpnd(int64(c.t.BootNS))))
	case prog.BElapsed:
		return c.alu(asm.Sub, c.pureCall(asm.FnKtimeGetBootNs), c.inReg(iOpnd(int64(c.t.StartNS))))
	case prog.BNcpus:
		return iOpnd(int64(c.t.CPUs))
	case prog.BCtx:
		return c.copy(c.ctx)
	case prog.BCookie:
		return c.cookie()
	case prog.BFuncIP:
		return c.funcIP()
	case prog.BFunc:
		return c.funcID()
	case prog.BProbe:
		point := c.u.Point
		if g := c.body.Group; g != nil && g.Point != nil {
			point = g.Point
		}
		return c.alu(asm.Or, c.funcID(), c.inReg(iOpnd(int64(point.Named)<<32)))
	}
	fn, ok := helpers[e.ID]
	if !ok {
		c.errs.Errorf(e.At, "BUG: no code for this value")
		return iOpnd(0)
	}
	return c.ext(c.pureCall(fn), e.T.Size, e.T.Signed)
}

// funcID is the function that the site at hand belongs to: a constant where all
// sites are of one function.
func (c *comp) funcID() opnd {
	if id, ok := c.u.SoleFunc(); ok || len(c.u.Sites) == 0 {
		return iOpnd(int64(id))
	}
	return c.ext(c.cookie(), 4, false)
}

// funcIP is the address of the kernel's function at hand: a constant where there is one
// and the kernel's symbols tell it. Where there are several the kernel has cookies, which
// came with the helper.
func (c *comp) funcIP() opnd {
	if len(c.u.Sites) == 1 && c.u.Sites[0].Addr != 0 {
		return c.inReg(iOpnd(int64(c.u.Sites[0].Addr)))
	}
	return c.cached(asm.FnGetFuncIp, c.ctx)
}

// cookie is what the site was attached with; a constant where there is one.
func (c *comp) cookie() opnd {
	switch {
	case len(c.u.Sites) == 0:
		return iOpnd(0)
	case len(c.u.Sites) == 1:
		return iOpnd(int64(c.u.Sites[0].Cookie()))
	case !c.t.Cookies:
		c.errs.Errorf(c.u.Point.Span, "this kernel has no attach cookies: a probe can have one site only")
		return iOpnd(0)
	}
	return c.cached(asm.FnGetAttachCookie, c.ctx)
}

// currentComm writes the thread's name. Linux 5.17 to 6.1 leave what is behind it as
// it was.
func (c *comp) currentComm(dst mem) {
	c.zero(dst, commSize)
	c.call(asm.FnGetCurrentComm, c.addr(dst), iOpnd(commSize))
}

// builtinMem writes the value of a builtin that lives in memory.
func (c *comp) builtinMem(e *prog.Builtin, dst mem) {
	switch e.ID {
	case prog.BComm:
		if c.named && e.T.Size == commSize {
			c.copyMem(dst, c.comm, commSize)
			return
		}
		c.currentComm(dst)
	case prog.BKstack, prog.BUstack, prog.BDwarfStack:
		c.stackTrace(e.T, e.ID, iOpnd(0), false, dst)
	default:
		c.errs.Errorf(e.At, "BUG: no code for this value")
	}
}

// register reads a register of the interrupted code.
func (c *comp) register(e *prog.Reg) opnd {
	off, ok := RegOffset(c.t.Arch, e.Name)
	if !ok {
		c.errs.Errorf(e.At, "\"%s\" is no register of %s", e.Name, c.t.Arch)
		return iOpnd(0)
	}
	switch c.u.Kind {
	case prog.KindTracepoint, prog.KindRawTracepoint, prog.KindFentry, prog.KindFexit, prog.KindIter, prog.KindBegin, prog.KindEnd, prog.KindSelf, prog.KindTest, prog.KindBench:
		c.errs.Errorf(e.At, "a probe of this kind has no registers")
		return iOpnd(0)
	}
	return c.load(mem{base: c.ctx}.at(off), 8, false)
}

// function is the value of a function that gives a scalar.
func (c *comp) function(e *prog.Call) opnd {
	switch e.Fn {
	case prog.FnKSym, prog.FnUsername, prog.FnCgroupPath, prog.FnKaddr, prog.FnLabel:
		return c.value(e.Args[0])
	case prog.FnHasKey:
		return c.hasKey(e)
	case prog.FnDelete:
		return c.deleted(e)
	case prog.FnMapAddr:
		return c.number(mOpnd(MapName(e.Map)))
	case prog.FnLen:
		return c.length(e)
	case prog.FnStrncmp:
		return c.strncmp(e)
	case prog.FnStrlen:
		return c.strlen(e.Args[0])
	case prog.FnStrstr:
		return c.strstr(e)
	case prog.FnStrcontains:
		at := c.strstr(e)
		return c.alu(asm.Xor, c.alu(asm.RSh, at, iOpnd(63)), iOpnd(1))
	case prog.FnMemcmp:
		return c.memcmp(e)
	case prog.FnBswap:
		size := e.Args[0].Type().Size
		x := c.value(e.Args[0])
		if size == 1 {
			return c.ext(x, 1, false)
		}
		return c.swap(x, size)
	case prog.FnReadTLS:
		return c.readTLS(e)
	case prog.FnSignal:
		return c.call(asm.FnSendSignal, c.value(e.Args[0]))
	case prog.FnSignalThread:
		return c.call(asm.FnSendSignalThread, c.value(e.Args[0]))
	case prog.FnOverride:
		return c.call(asm.FnOverrideReturn, c.ctx, c.value(e.Args[0]))
	case prog.FnWriteUser:
		return c.writeUser(e)
	case prog.FnSkbOutput:
		return c.skbOutput(e)
	case prog.FnDebugf:
		return c.debugf(e)
	}
	c.errs.Errorf(e.At, "BUG: no code for this function")
	return iOpnd(0)
}

// isZero is one if x is zero, else zero.
func (c *comp) isZero(x opnd) opnd {
	v, end := c.reg(), c.block()
	c.set(v, iOpnd(1))
	c.unless(asm.JEq, x, iOpnd(0), end)
	c.set(v, iOpnd(0))
	c.start(end)
	return rOpnd(v)
}

func (c *comp) keyArg(e *prog.Call) prog.Expr {
	if len(e.Args) == 0 {
		return nil
	}
	return e.Args[0]
}

func (c *comp) hasKey(e *prog.Call) opnd {
	if direct(e.Map) {
		return c.load(inScalar(e.Map).at(setWord(e.Map)), 8, false)
	}
	return c.alu(asm.Xor, c.isZero(c.lookup(e.Map, c.keyArg(e))), iOpnd(1))
}

func (c *comp) deleted(e *prog.Call) opnd {
	return c.isZero(c.delete(e.Map, c.keyArg(e)))
}

// length is the number of a stack's frames.
func (c *comp) length(e *prog.Call) opnd {
	if e.Map != nil {
		return c.mapLength(e)
	}
	if e.Args[0].Type().Kind != types.Stack {
		c.errs.Errorf(e.At, "BUG: no code for len() of this value")
		return iOpnd(0)
	}
	return c.load(c.place(e.Args[0]).at(12), 4, false)
}

// readTLS reads the word that lies an offset from the thread's thread pointer.
func (c *comp) readTLS(e *prog.Call) opnd {
	if !c.t.HasFSBase {
		c.errs.Errorf(e.At, "this kernel's BTF does not say where the thread pointer is")
		return iOpnd(0)
	}
	off := c.value(e.Args[0])
	mark := c.stack.at
	word := c.stackMem(8)
	task := c.pureCall(asm.FnGetCurrentTask)
	c.read(word, iOpnd(8), 8, c.alu(asm.Add, task, iOpnd(c.t.FSBaseOff)), false)
	base := c.load(word, 8, false)
	c.read(word, iOpnd(8), 8, c.alu(asm.Add, base, off), true)
	v := c.load(word, 8, false)
	c.stack.at = mark
	return v
}

// commOf reads the name of the task that the kernel finds by its id, and lets go of it.
func (c *comp) commOf(e *prog.Call, dst mem) {
	const unknown = 'N' | '/'<<8 | 'A'<<16
	number := func(i int) uint32 { return uint32(e.Args[i].(*prog.Int).Val) }
	pid := c.value(e.Args[0])
	c.zero(dst, e.T.Size)
	task := c.copy(c.kernelCall(number(1), pid))
	missing, found, end := c.block(), c.block(), c.block()
	c.branch(asm.JEq, task, iOpnd(0), missing, found)
	c.start(missing)
	c.store(dst, 4, iOpnd(unknown))
	c.jump(end)
	c.start(found)
	name := c.alu(asm.Add, task, c.value(e.Args[3]))
	c.call(asm.FnProbeReadKernelStr, c.addr(dst), iOpnd(int64(e.T.Size)), name)
	c.kernelCall(number(2), task)
	c.start(end)
}
