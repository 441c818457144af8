// Package trees is what the tools share that make trees of calls: it joins them, and
// writes files that show them.
package trees

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/rpcxray/rpcxray/internal/spans"
)

// Files are files that show trees.
type Files struct {
	chromePath, htmlPath string

	chrome     *spans.Chrome
	chromeFile *os.File
	page       *spans.Page
	pageFile   *os.File
}

// Flags adds the flags.
func (f *Files) Flags(fl *pflag.FlagSet) {
	fl.StringVar(&f.chromePath, "chrome", "", "write Chrome trace events to this file, for ui.perfetto.dev")
	fl.StringVar(&f.htmlPath, "html", "", "write a page with trees, a heat map and the slowest calls to this file")
}

// Wanted tells whether there are any.
func (f *Files) Wanted() bool { return f.chromePath != "" || f.htmlPath != "" }

// Open creates the files.
func (f *Files) Open() error {
	var err error
	if f.chromePath != "" {
		if f.chromeFile, err = os.Create(f.chromePath); err != nil {
			return fmt.Errorf("trace events: %w", err)
		}
		f.chrome = spans.NewChrome(f.chromeFile)
	}
	if f.htmlPath != "" {
		if f.pageFile, err = os.Create(f.htmlPath); err != nil {
			return fmt.Errorf("page: %w", err)
		}
		f.page = spans.NewPage()
	}
	return nil
}

// tree adds a tree to them.
func (f *Files) tree(n *spans.Node) error {
	if f.page != nil {
		f.page.Tree(n)
	}
	if f.chrome != nil {
		return f.chrome.Tree(n)
	}
	return nil
}

// Close ends the files. Notes stand on the page.
func (f *Files) Close(notes []string) error {
	var errs []error
	if f.chrome != nil {
		errs = append(errs, f.chrome.Close(), f.chromeFile.Close())
	}
	if f.page != nil {
		w := bufio.NewWriter(f.pageFile)
		errs = append(errs, f.page.Write(w, notes), w.Flush(), f.pageFile.Close())
	}
	return errors.Join(errs...)
}

// Bounds of the trees that are joined.
const (
	wait  = time.Second     // after a root's end
	age   = 2 * time.Minute // for a parent that does not end
	limit = 100000          // spans that wait for others
)

// told is what is told of the joining at the end.
func told(n spans.Counts, unnamed uint64) []string {
	list := []string{fmt.Sprintf("%d calls in %d trees: of %d both sides were seen, of %d only the caller's, of %d only the server's",
		n.Calls, n.Trees, n.Joined, n.ClientOnly, n.ServerOnly)}
	for _, c := range []struct {
		n    uint64
		text string
	}{
		{n.Orphans, "%d calls stand by themselves, because the call that caused them has not ended or was not seen"},
		{n.Early, "%d trees are shown before they were complete, because too many calls are under way"},
		{n.Twice, "%d sides of calls have the id of another and are left out"},
		{unnamed, "%d calls stand by themselves, because their connection or framework gives them no id"},
	} {
		if c.n > 0 {
			list = append(list, fmt.Sprintf(c.text, c.n))
		}
	}
	return list
}
