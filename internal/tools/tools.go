// Package tools lists the tools: each is a folder with its script, its flags
// and layout, and its page of documentation.
package tools

import (
	"github.com/rpcxray/rpcxray/internal/tools/agent"
	"github.com/rpcxray/rpcxray/internal/tools/funccount"
	"github.com/rpcxray/rpcxray/internal/tools/funclatency"
	"github.com/rpcxray/rpcxray/internal/tools/funcslower"
	"github.com/rpcxray/rpcxray/internal/tools/rpclatency"
	"github.com/rpcxray/rpcxray/internal/tools/rpcslow"
	"github.com/rpcxray/rpcxray/internal/tools/rpcsummary"
	"github.com/rpcxray/rpcxray/internal/tools/rpctrace"
	"github.com/rpcxray/rpcxray/internal/tools/rpctree"
	"github.com/rpcxray/rpcxray/internal/tools/tcpaccept"
	"github.com/rpcxray/rpcxray/internal/tools/tcpbind"
	"github.com/rpcxray/rpcxray/internal/tools/tcpcong"
	"github.com/rpcxray/rpcxray/internal/tools/tcpconnect"
	"github.com/rpcxray/rpcxray/internal/tools/tcpconnlat"
	"github.com/rpcxray/rpcxray/internal/tools/tcpdrop"
	"github.com/rpcxray/rpcxray/internal/tools/tcplife"
	"github.com/rpcxray/rpcxray/internal/tools/tcplisten"
	"github.com/rpcxray/rpcxray/internal/tools/tcppktlat"
	"github.com/rpcxray/rpcxray/internal/tools/tcpretrans"
	"github.com/rpcxray/rpcxray/internal/tools/tcprtt"
	"github.com/rpcxray/rpcxray/internal/tools/tcpstates"
	"github.com/rpcxray/rpcxray/internal/tools/tcpsubnet"
	"github.com/rpcxray/rpcxray/internal/tools/tcpsynbl"
	"github.com/rpcxray/rpcxray/internal/tools/tcptop"
	"github.com/rpcxray/rpcxray/internal/tools/tcptracer"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

// RPC returns the tools that look at RPC calls, the commands of rpcxray rpc. The
// first is what that does by itself.
func RPC() []tool.Tool {
	return []tool.Tool{
		rpcsummary.Tool(),
		rpctrace.Tool(),
		rpcslow.Tool(),
		rpclatency.Tool(),
		rpctree.Tool(),
	}
}

// All returns the tools in the order of the help.
func All() []tool.Tool {
	return []tool.Tool{
		funccount.Tool(),
		funclatency.Tool(),
		funcslower.Tool(),
		agent.Tool(),
		tcplife.Tool(),
		tcpstates.Tool(),
		tcpaccept.Tool(),
		tcpconnect.Tool(),
		tcpconnlat.Tool(),
		tcptracer.Tool(),
		tcpretrans.Tool(),
		tcpdrop.Tool(),
		tcprtt.Tool(),
		tcpsynbl.Tool(),
		tcpsubnet.Tool(),
		tcptop.Tool(),
		tcplisten.Tool(),
		tcpbind.Tool(),
		tcppktlat.Tool(),
		tcpcong.Tool(),
	}
}
