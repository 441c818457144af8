// Package agent is the tool that gives the RPC calls of a machine to an OpenTelemetry
// collector and to a Prometheus.
package agent

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/export"
	"github.com/rpcxray/rpcxray/internal/syntax"
	"github.com/rpcxray/rpcxray/internal/tools/tool"
)

//go:embed script.bt
var script string

// Tool returns the tool.
func Tool() tool.Tool {
	return tool.Tool{
		Name:  "agent",
		Usage: tool.CallsUsage,
		Short: "Send the RPC calls of this machine to OpenTelemetry and Prometheus",
		Long: `Count and time all RPC calls of this machine, give the sums to a Prometheus or send them to
an OpenTelemetry collector, and send that the calls that are slow or fail, and a share of all
traces, as spans. Without --otlp and --prometheus the metrics are at 127.0.0.1:9464/metrics.

Values of arguments and metadata are not sent. While a collector is away, spans wait for it
up to a limit; what is dropped is counted, told, and a metric.

` + tool.CallsHelp,
		Example: `  rpcxray agent                                                   # metrics at 127.0.0.1:9464
  rpcxray agent --otlp http://127.0.0.1:4318                      # OTLP/HTTP
  rpcxray agent --otlp grpc://collector:4317 --sample 0.1 -m 50   # OTLP/gRPC, more spans
  rpcxray agent --prometheus 0.0.0.0:9464 --tls-cert c.pem --tls-key k.pem --token-file token`,
		MaxArgs: 1,
		New:     func() tool.Command { return &command{} },
	}
}

// defaultListen is where the metrics are when nothing is said.
const defaultListen = ":9464"

// keys are names of processes × methods × statuses × buckets of durations.
const keys = 32768

type command struct {
	tool.Calls
	otlp       string
	headers    []string
	ca         string
	prometheus string
	cert, key  string
	token      string
	open       bool
	sample     float64
	slow       tool.Threshold
	interval   tool.Seconds
	duration   tool.Seconds
}

// Flags implements tool.Command.
func (c *command) Flags(cmd *cobra.Command) {
	c.slow = tool.Threshold{Unit: time.Millisecond, Duration: 100 * time.Millisecond}
	c.interval.Duration = 5 * time.Second
	fl := cmd.Flags()
	c.Calls.Flags(fl)
	fl.StringVar(&c.otlp, "otlp", "", "URL of a collector: http://, https:// (OTLP/HTTP), grpc:// or grpcs:// (OTLP/gRPC)")
	fl.StringArrayVar(&c.headers, "otlp-header", nil, "NAME=VALUE to send with each message; @FILE as the value is what the file holds")
	fl.StringVar(&c.ca, "otlp-ca", "", "file with the certificates that the collector's has to be signed by")
	fl.StringVar(&c.prometheus, "prometheus", "", "HOST:PORT where a Prometheus finds the metrics; without HOST only this machine does")
	fl.StringVar(&c.cert, "tls-cert", "", "file with the certificate for --prometheus")
	fl.StringVar(&c.key, "tls-key", "", "file with its key")
	fl.StringVar(&c.token, "token-file", "", "file with the bearer token that --prometheus asks for")
	fl.BoolVar(&c.open, "open", false, "let other hosts read the metrics without TLS and token")
	fl.Float64Var(&c.sample, "sample", 0.01, "share of the traces that are sent whole, from 0 to 1")
	fl.VarP(&c.slow, "min-ms", "m", "calls that take at least so many ms are sent, whatever their trace")
	fl.VarP(&c.interval, "interval", "i", "read and send metrics every so many seconds")
	fl.VarP(&c.duration, "duration", "d", "end after so many seconds")
}

// Plan implements tool.Command.
func (c *command) Plan(o tool.Options, args []string) (*tool.Plan, error) {
	p, err := c.Calls.Plan(o, args, script)
	if err != nil {
		return nil, err
	}
	if !(c.sample >= 0 && c.sample <= 1) {
		return nil, fmt.Errorf("--sample %v: a share from 0 to 1 is needed", c.sample)
	}
	p.Aside, p.Keys, p.Lean, p.UnderWay = true, keys, true, c.interval.Duration
	p.Consts["traces"] = tool.Bool(c.otlp != "")
	p.Consts["all"] = tool.Bool(c.sample == 1)
	p.Consts["min_ns"] = tool.Int(uint64(c.slow.Duration))
	p.Consts["sample"] = &syntax.StringExpr{Value: fmt.Sprintf("%08x", uint32(math.Min(c.sample*(1<<32), math.MaxUint32)))}
	p.Reports(c.interval.Duration, c.duration.Duration)
	if o.Script {
		return p, nil
	}
	g, err := c.start(o.Version)
	if err != nil {
		return nil, err
	}
	p.Gather, p.Banner = g, g.banner()
	return p, nil
}

// start starts the exporter.
func (c *command) start(version string) (*gatherer, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of this host: %w", err)
	}
	g := newGatherer()
	g.only = c.Calls
	o := export.Options{Every: c.interval.Duration, Host: host, Version: version, Tell: g.tell}
	if o.Collector, err = c.collector(); err != nil {
		return nil, err
	}
	if o.Listen, err = c.listen(); err != nil {
		return nil, err
	}
	g.exporter, err = export.Start(o)
	return g, err
}

// collector says where OTLP goes, nil for nowhere.
func (c *command) collector() (*export.Collector, error) {
	if c.otlp == "" {
		if c.ca != "" || len(c.headers) > 0 {
			return nil, errors.New("--otlp-header, --otlp-ca: they go with --otlp")
		}
		return nil, nil
	}
	out := &export.Collector{URL: c.otlp, Headers: map[string]string{}}
	for _, h := range c.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--otlp-header %q: NAME=VALUE is needed", name)
		}
		if file, ok := strings.CutPrefix(value, "@"); ok {
			text, err := secret(file)
			if err != nil {
				return nil, fmt.Errorf("--otlp-header %s: %w", name, err)
			}
			value = text
		}
		out.Headers[name] = value
	}
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, fmt.Errorf("--otlp-ca: %w", err)
		}
		out.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		if !out.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--otlp-ca %s: it holds no certificate", c.ca)
		}
	}
	return out, nil
}

// listen says where a Prometheus finds the metrics, nil for nowhere.
func (c *command) listen() (*export.Listen, error) {
	addr := c.prometheus
	if addr == "" {
		if c.cert != "" || c.key != "" || c.token != "" || c.open {
			return nil, errors.New("--tls-cert, --tls-key, --token-file, --open: they go with --prometheus")
		}
		if c.otlp != "" {
			return nil, nil
		}
		addr = defaultListen
	}
	l := &export.Listen{Addr: addr, CertFile: c.cert, KeyFile: c.key, Open: c.open}
	if c.token != "" {
		var err error
		if l.Token, err = secret(c.token); err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
	}
	return l, nil
}

// secret is the first line of a file.
func secret(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s: its first line is empty", file)
	}
	return line, nil
}
