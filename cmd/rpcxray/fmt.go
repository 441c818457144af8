package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rpcxray/rpcxray/internal/diag"
	"github.com/rpcxray/rpcxray/internal/syntax"
)

const fmtLong = `Print scripts in one canonical form: one statement a line, tabs, full names of probe
types. Comments are kept, and of empty lines one.

With -w files are rewritten, with -d the differences are shown, and with neither the
text goes to standard output. The exit status is 1 if a script has syntax errors; such
a file is left as it is.`

const fmtExample = `  rpcxray fmt script.bt
  rpcxray fmt -w *.bt
  rpcxray fmt -d script.bt
  cat script.bt | rpcxray fmt -`

func fmtCommand(status *exitStatus) *cobra.Command {
	var write, difference bool
	cmd := &cobra.Command{
		Use:                   "fmt [-w] [-d] {FILE... | -}",
		Short:                 "Print scripts in one canonical form",
		Long:                  fmtLong,
		Example:               fmtExample,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachProgram(args, func(src *diag.Source) error {
				text, l := format(src)
				if l.HasErrors() {
					status.code = 1
					diag.Render(os.Stderr, l, colored(os.Stderr))
					return nil
				}
				if write {
					if err := rewrite(src, text); err != nil {
						return err
					}
				}
				switch {
				case difference:
					text = unified(src.Name, src.Text, text)
				case write:
					return nil
				}
				_, err := fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the result to the file")
	cmd.Flags().BoolVarP(&difference, "diff", "d", false, "show what would change")
	return cmd
}

// printFormatted prints the canonical form of a program, or what is wrong with it.
func printFormatted(w io.Writer, src *diag.Source) (status int, err error) {
	text, l := format(src)
	if err := l.Err(); err != nil {
		return 1, err
	}
	_, err = io.WriteString(w, text)
	return 0, err
}

// format returns the canonical form of a program, or what is wrong with it.
func format(src *diag.Source) (string, *diag.List) {
	l := diag.NewList(src)
	file := syntax.Parse(src, l)
	l.Sort()
	var b strings.Builder
	if err := syntax.Print(&b, file); err != nil {
		panic("BUG: a strings.Builder refuses text: " + err.Error())
	}
	return b.String(), l
}

// rewrite puts text in the place of a file, whole or not at all.
func rewrite(src *diag.Source, text string) error {
	if src.Name == stdinName {
		return errors.New("-w: standard input cannot be rewritten")
	}
	if text == src.Text {
		return nil
	}
	if err := replace(src.Name, text); err != nil {
		return fmt.Errorf("rewriting the program: %w", err)
	}
	return nil
}

// replace writes beside the file and renames, so that a full disk takes nothing.
func replace(name, text string) error {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(st.Mode().Perm()), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
