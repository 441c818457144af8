// Package tools lists the tools: each is a folder with its script, its flags
// and layout, and its page of documentation.
package tools

import (
	"github.com/rpcxray/rpcxray/internal/tools/funccount"
	"github.com/rpcxray/rpcxray/internal/tools/funclatency"
	"github.com/rpcxray/rpcxray/internal/tools/funcslower"
	"github.com/rpcxray/rpcxray/internal/tools/rpclatency"
	"github.com/rpcxray/rpcxray/internal/tools/rpcslow"
	"github.com/rpcxray/rpcxray/internal/tools/rpcsummary"
	"github.com/rpcxray/rpcxray/internal/tools/rpctrace"
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
	}
}

// All returns the tools in the order of the help.
func All() []tool.Tool {
	return []tool.Tool{
		funccount.Tool(),
		funclatency.Tool(),
		funcslower.Tool(),
	}
}
