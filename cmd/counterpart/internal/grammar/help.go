package grammar

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// width of help.
const width = 110

// help prints what a command is for and how it is called.
func (g *Grammar) help(c *cobra.Command) {
	n := g.find(c)
	w := g.options.Out
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", usage(n), c.Short)
	if len(n.args) > 0 {
		fmt.Fprint(w, "\nArguments:\n")
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, a := range n.args {
			fmt.Fprintf(t, "  %s\t%s%s\n", usageOf(a), a.help, shownDefault(a.String()))
		}
		t.Flush()
	}
	if len(n.below) > 0 {
		fmt.Fprint(w, "\nCommands:\n")
		g.commands(w, n)
	}
	if own := c.LocalFlags(); own.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", own.FlagUsagesWrapped(width))
	}
	if inherited := c.InheritedFlags(); inherited.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags of all such commands:\n%s", inherited.FlagUsagesWrapped(width))
	}
	if g.options.Variables != "" {
		fmt.Fprintf(w, "\nEach flag has a variable, too: --ports-file is %s.\n", g.variable("ports-file"))
	}
	if len(n.below) > 0 {
		fmt.Fprintf(w, "\nMore about one: %s <command> --help\n", c.CommandPath())
	}
}

// commands lists the commands below one, those that only lead to others not.
func (g *Grammar) commands(w io.Writer, n *node) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, x := range n.below {
		fmt.Fprintf(t, "  %s\t%s\n", x.cobra.Name(), x.cobra.Short)
	}
	t.Flush()
}

func usage(n *node) string {
	words := []string{n.cobra.CommandPath()}
	if len(n.below) > 0 {
		word := "<command>"
		if n.fallback != nil {
			word = "[<command>]"
		}
		words = append(words, word)
	}
	for _, a := range n.args {
		words = append(words, usageOf(a))
	}
	return strings.Join(append(words, "[flags]"), " ")
}

func usageOf(a *argument) string {
	text := "<" + a.name + ">"
	if a.slice() {
		text += " ..."
	}
	if a.optional {
		text = "[" + text + "]"
	}
	return text
}

func shownDefault(text string) string {
	if text == "" {
		return ""
	}
	return " (default " + text + ")"
}

// find is the node of cobra's command.
func (g *Grammar) find(c *cobra.Command) *node {
	n := g.root
	for _, name := range strings.Fields(c.CommandPath())[1:] {
		i := slices.IndexFunc(n.below, func(x *node) bool { return x.cobra.Name() == name })
		if i < 0 {
			return n
		}
		n = n.below[i]
	}
	return n
}

// Completion writes the script that has a shell (bash, zsh or fish) complete commands,
// flags and words by asking the program.
func (g *Grammar) Completion(w io.Writer, shell string) error {
	c := g.root.cobra
	switch shell {
	case "zsh":
		return c.GenZshCompletion(w)
	case "fish":
		return c.GenFishCompletion(w, true)
	}
	return c.GenBashCompletionV2(w, true)
}
