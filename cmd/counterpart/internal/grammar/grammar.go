// Package grammar makes a command line of structs: fields are commands, positional
// arguments and flags, and their tags say the rest. Parsing and completion are
// cobra's. A command is the pointer to its struct; what it does is called through an
// interface, never looked up by its name, because a program that looks methods up by
// name keeps every exported method of every library.
//
// Tags of a field:
//
//	cmd:""              a command, its struct the grammar below it
//	embed:""            its fields belong to the struct around it, as those of embedded ones do
//	arg:""              a positional argument; a slice takes all that are left
//	optional:""         that may be missing
//	required:""         a flag that may not
//	name:"x"            by default the field's name, PortsFile being ports-file
//	short:"x"           a flag's letter
//	help:"…"            one sentence; ${enum} stands for what enum lists
//	default:"x"         of flags and arguments; default:"withargs" is the command that
//	                    is meant when none is named, default:"1" the same without
//	                    arguments
//	enum:"a,b,"         the only values, the empty one where nothing is said
//	sep:","             a slice's flag may hold several values
//	type:"path"         made absolute; "existingfile" and "existingdir" must be there
//	placeholder:"FILE"  how help calls the value
package grammar

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"counterpart/internal/serving/strictyaml"
)

// Options say how a program is called and where it writes.
type Options struct {
	Name, About string
	Variables   string              // prefix of environment variables: COUNTERPART gives --ports-file COUNTERPART_PORTS_FILE
	Getenv      func(string) string // reads one
	Out, Err    io.Writer
}

// Grammar is a command line, made by New for one parse.
type Grammar struct {
	options Options
	root    *node
	chosen  *node
}

// node is one command.
type node struct {
	cobra    *cobra.Command
	target   any // pointer to its struct
	up       *node
	below    []*node
	args     []*argument
	flags    []*flag // its own
	fallback *node   // the command meant when none is named
	withArgs bool    // of fallback: what follows are its arguments
}

// flag and argument are fields of a command.
type flag struct {
	field
	name     string
	required bool
}

type argument struct {
	field
	name     string
	optional bool
}

// New reads the grammar of root, a pointer to a struct.
func New(root any, o Options) (*Grammar, error) {
	g := &Grammar{options: o}
	n, err := g.command(nil, o.Name, o.About, reflect.ValueOf(root))
	if err != nil {
		return nil, err
	}
	g.root = n
	c := n.cobra
	c.CompletionOptions.DisableDefaultCmd = true
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(o.Out)
	c.SetErr(o.Err)
	c.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { g.help(c) })
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return flagMistake(c, err) })
	return g, nil
}

// command makes the node of one struct and those below.
func (g *Grammar) command(up *node, name, help string, v reflect.Value) (*node, error) {
	n := &node{up: up, target: v.Interface(), cobra: &cobra.Command{Use: name, Short: help, Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true, ValidArgsFunction: nothingToComplete}}
	n.cobra.PersistentFlags().SortFlags = false
	n.cobra.Flags().SortFlags = false
	if err := g.fields(n, v.Elem()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	n.cobra.RunE = func(_ *cobra.Command, args []string) error { return g.choose(n, args) }
	for _, a := range n.args {
		if a.enum != nil {
			n.cobra.ValidArgsFunction = cobra.FixedCompletions(a.enum, cobra.ShellCompDirectiveNoFileComp)
		} else if a.kind() == reflect.String || a.slice() {
			n.cobra.ValidArgsFunction = nil // files
		}
	}
	return n, nil
}

func nothingToComplete(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// fields adds what the fields of a struct say to a command.
func (g *Grammar) fields(n *node, v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag
		_, embedded := tag.Lookup("embed")
		_, command := tag.Lookup("cmd")
		_, positional := tag.Lookup("arg")
		name := tag.Get("name")
		if name == "" {
			name = dashed(f.Name)
		}
		var err error
		switch {
		case embedded || f.Anonymous && !command:
			err = g.fields(n, v.Field(i))
		case command:
			err = g.subcommand(n, name, f, v.Field(i))
		case positional:
			err = n.positional(name, f, v.Field(i))
		case tag.Get("help") != "":
			err = g.flag(n, name, f, v.Field(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *Grammar) subcommand(n *node, name string, f reflect.StructField, v reflect.Value) error {
	child, err := g.command(n, name, f.Tag.Get("help"), v.Addr())
	if err != nil {
		return err
	}
	n.below = append(n.below, child)
	n.cobra.AddCommand(child.cobra)
	if how := f.Tag.Get("default"); how != "" {
		n.fallback, n.withArgs = child, how == "withargs"
	}
	return nil
}

func (n *node) positional(name string, f reflect.StructField, v reflect.Value) error {
	_, optional := f.Tag.Lookup("optional")
	a := &argument{field: newField(f, v), name: name, optional: optional}
	if err := a.preset(); err != nil {
		return err
	}
	n.args = append(n.args, a)
	return nil
}

func (g *Grammar) flag(n *node, name string, f reflect.StructField, v reflect.Value) error {
	_, required := f.Tag.Lookup("required")
	x := &flag{field: newField(f, v), name: name, required: required}
	if err := x.preset(); err != nil {
		return err
	}
	n.flags = append(n.flags, x)
	made := n.cobra.PersistentFlags().VarPF(x, name, f.Tag.Get("short"), x.help)
	if x.kind() == reflect.Bool {
		made.NoOptDefVal = "true"
	}
	if x.enum != nil {
		return n.cobra.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(x.enum, cobra.ShellCompDirectiveNoFileComp))
	}
	return nil
}

// Parse reads a command line into the structs. It returns the command that was asked
// for, or nil if there is nothing to do, since help was asked for and printed.
func (g *Grammar) Parse(args []string) (command any, err error) {
	g.root.cobra.SetArgs(g.complete(args))
	if err := g.root.cobra.Execute(); err != nil || g.chosen == nil {
		return nil, err
	}
	return g.chosen.target, nil
}

// complete puts the commands in that are meant when none is named.
func (g *Grammar) complete(args []string) []string {
	if len(args) > 0 && strings.HasPrefix(args[0], "__complete") {
		return args
	}
	n, at, rest := g.root, 0, 0 // at: where a word goes that follows the command n
	for rest < len(args) {
		arg := args[rest]
		if arg == "--" {
			break
		}
		if strings.HasPrefix(arg, "-") && arg != "-" {
			rest += n.takes(arg)
			continue
		}
		i := slices.IndexFunc(n.below, func(x *node) bool { return x.cobra.Name() == arg })
		if i < 0 {
			break
		}
		n, at, rest = n.below[i], rest+1, rest+1
	}
	for n.fallback != nil && !asksForHelp(args) {
		if !n.withArgs && rest < len(args) {
			break
		}
		args = slices.Insert(slices.Clone(args), at, n.fallback.cobra.Name())
		n, at, rest = n.fallback, at+1, rest+1
	}
	return args
}

// takes says of how many words a flag consists.
func (n *node) takes(arg string) int {
	name, _, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if joined {
		return 1
	}
	for x := n; x != nil; x = x.fallback {
		for y := x; y != nil; y = y.up {
			f := y.cobra.PersistentFlags().Lookup(name)
			if f == nil && len(name) == 1 {
				f = y.cobra.PersistentFlags().ShorthandLookup(name)
			}
			if f != nil && f.NoOptDefVal == "" {
				return 2
			}
		}
	}
	return 1
}

func asksForHelp(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--help") || slices.Contains(args, "-h")
}

// choose takes a command's arguments. What is wrong with them is an error.
func (g *Grammar) choose(n *node, args []string) error {
	if len(n.below) > 0 {
		return n.unnamed(args)
	}
	for x := n; x != nil; x = x.up {
		if err := g.variables(x); err != nil {
			return err
		}
	}
	for _, a := range n.args {
		switch {
		case len(args) == 0 && a.optional:
			continue
		case len(args) == 0:
			return fmt.Errorf("expected %q", usageOf(a))
		}
		take := 1
		if a.slice() {
			take = len(args)
		}
		for _, arg := range args[:take] {
			if err := a.Set(arg); err != nil {
				return fmt.Errorf("%s: %w", usageOf(a), err)
			}
		}
		args = args[take:]
	}
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %s", args[0])
	}
	g.chosen = n
	return nil
}

// unnamed is the mistake of naming no command where one is needed.
func (n *node) unnamed(args []string) error {
	var names, quoted []string
	for _, x := range n.below {
		names = append(names, x.cobra.Name())
		quoted = append(quoted, fmt.Sprintf("%q", x.cobra.Name()))
	}
	if len(args) == 0 {
		return fmt.Errorf("expected one of %s", strings.Join(quoted, ", "))
	}
	return fmt.Errorf("unexpected argument %s%s", args[0], hint(args[0], names))
}

// variables sets flags that were not given from the environment.
func (g *Grammar) variables(n *node) error {
	for _, f := range n.flags {
		given := n.cobra.PersistentFlags().Lookup(f.name).Changed
		if variable := g.variable(f.name); !given && variable != "" {
			if text := g.options.Getenv(variable); text != "" {
				if err := f.Set(text); err != nil {
					return fmt.Errorf("%s: %w", variable, err)
				}
				given = true
			}
		}
		if f.required && !given {
			return fmt.Errorf("missing flags: --%s=%s", f.name, f.Type())
		}
	}
	return nil
}

func (g *Grammar) variable(flag string) string {
	if g.options.Variables == "" {
		return ""
	}
	return g.options.Variables + "_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// flagMistake words what pflag found, with the flag that was meant.
func flagMistake(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		flag := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			flag = "-" + unknown.GetSpecifiedName()
		}
		return fmt.Errorf("unknown flag %s%s", flag, hint(flag, names))
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return fmt.Errorf("--%s %w", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return err
}

// hint says which word was meant.
func hint(word string, known []string) string {
	if text := strictyaml.DidYouMean(word, known); text != "" {
		return ", " + text
	}
	return ""
}

// dashed is a field's name as a flag: PortsFile is ports-file.
func dashed(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, r := range letters {
		if unicode.IsUpper(r) && i > 0 && unicode.IsLower(letters[i-1]) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
