package syntax

import (
	"sort"
	"strings"

	"github.com/rpcxray/rpcxray/internal/diag"
)

// section is a part of a file on its own lines, with the comments that stand
// before it, in it and on its last line.
type section struct {
	at       diag.Span
	comments []Comment
	// loose sections have an empty line between them, others only where the
	// text has one.
	loose bool
	print func()
}

// share gives each comment to the section that it stands in or before, or
// whose last line it ends, and returns those behind the last section.
func (p *printer) share(all []*section, comments []Comment) (rest []Comment) {
	order := append([]*section(nil), all...)
	sort.SliceStable(order, func(i, j int) bool { return order[i].at.Start < order[j].at.Start })
	var last *section
	for _, c := range comments {
		for len(order) > 0 && order[0].at.End <= c.At.Start {
			last, order = order[0], order[1:]
		}
		switch {
		case last != nil && p.sameLine(last.at.End, c):
			last.comments = append(last.comments, c)
		case len(order) > 0:
			order[0].comments = append(order[0].comments, c)
		default:
			rest = append(rest, c)
		}
	}
	return rest
}

// sameLine tells whether c begins on the line on which the text up to pos ends.
func (p *printer) sameLine(pos uint32, c Comment) bool {
	return pos <= c.At.Start && !strings.Contains(p.text[pos:c.At.Start], "\n")
}

// above writes the comments that begin before node, and those in its first
// inner bytes, for which the printed form has no place, on lines of their own.
// first tells that nothing stands above them in the block.
func (p *printer) above(node diag.Span, inner uint32, first bool) {
	for len(p.pending) > 0 && p.pending[0].At.Start < node.Start {
		c := p.takeComment()
		p.emptyLine(c.At.Start, first)
		p.line("%s", c.Text)
		first = false
	}
	p.emptyLine(node.Start, first)
	for len(p.pending) > 0 && p.pending[0].At.Start < inner {
		p.line("%s", p.takeComment().Text)
	}
}

// beside writes the comments that end the line of a node that ends at pos;
// those from limit on belong to what follows. It tells whether there were any.
func (p *printer) beside(pos, limit uint32) (found bool) {
	for len(p.pending) > 0 && p.pending[0].At.Start < limit && p.sameLine(pos, p.pending[0]) {
		c := p.takeComment()
		p.put(" " + c.Text)
		pos, found = c.At.End, true
	}
	return found
}

// below writes the comments that begin before end on lines of their own.
func (p *printer) below(end uint32, first bool) {
	for len(p.pending) > 0 && p.pending[0].At.Start < end {
		c := p.takeComment()
		p.emptyLine(c.At.Start, first)
		p.line("%s", c.Text)
		first = false
	}
}

func (p *printer) takeComment() Comment {
	c := p.pending[0]
	p.pending = p.pending[1:]
	return c
}

// emptyLine keeps one of the empty lines that the text has before pos.
func (p *printer) emptyLine(pos uint32, first bool) {
	if first || int(pos) > len(p.text) || strings.HasSuffix(p.b.String(), "\n\n") {
		return
	}
	before := p.text[:pos]
	blanks := before[len(strings.TrimRight(before, " \t\r\n\v\f")):]
	if strings.Count(blanks, "\n") > 1 {
		p.put("\n")
	}
}

// hasComments tells whether comments are pending that begin before end.
func (p *printer) hasComments(end uint32) bool {
	return len(p.pending) > 0 && p.pending[0].At.Start < end
}

// inner returns up to where comments in n go above it: behind it, or to the
// first part of it that is printed on lines of its own.
func inner(n Node) uint32 {
	pos := n.Span().End
	Walk(n, func(m Node) bool {
		switch m.(type) {
		case *Block, *AttachPoint, *StructType, *EnumType, *ConfigBlock:
			pos = min(pos, m.Span().Start)
			return false
		}
		return true
	})
	return pos
}
