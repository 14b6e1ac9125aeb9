package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// words maps each command, by its path ("ctl journal find"), to what can follow.
func words(n *kong.Node, path string, out map[string][]string) {
	var next []string
	for _, child := range n.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		next = append(next, child.Name)
		words(child, strings.TrimSpace(path+" "+child.Name), out)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			next = append(next, "--"+f.Name)
		}
	}
	for _, p := range n.Positional {
		if p.Enum != "" {
			next = append(next, strings.Split(p.Enum, ",")...)
		}
	}
	slices.Sort(next)
	out[path] = slices.Compact(next)
}

// completion is a script for bash, zsh (which runs bash's) or fish.
func completion(app *kong.Application, shell string) string {
	all := map[string][]string{}
	words(app.Node, "", all)
	paths := make([]string, 0, len(all))
	for p := range all {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	var b strings.Builder
	if shell == "fish" {
		b.WriteString("# counterpart ctl completion fish | source\ncomplete -c counterpart -f\n")
		for _, p := range paths {
			condition := "__fish_use_subcommand"
			if p != "" {
				condition = "__fish_seen_subcommand_from " + strings.ReplaceAll(p, " ", "; and __fish_seen_subcommand_from ")
			}
			fmt.Fprintf(&b, "complete -c counterpart -n %q -a %q\n", condition, strings.Join(all[p], " "))
		}
		return b.String()
	}
	if shell == "zsh" {
		b.WriteString("# source <(counterpart ctl completion zsh)\nautoload -U +X bashcompinit && bashcompinit\n")
	} else {
		b.WriteString("# source <(counterpart ctl completion bash)\n")
	}
	b.WriteString("_counterpart() {\n  local cur=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word\n  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n" +
		"    case \"$path $word\" in\n")
	for _, p := range paths {
		if p != "" {
			fmt.Fprintf(&b, "      %q) path=%q ;;\n", " "+p, " "+p)
		}
	}
	b.WriteString("    esac\n  done\n  case \"$path\" in\n")
	for _, p := range paths {
		if p != "" {
			p = " " + p
		}
		fmt.Fprintf(&b, "    %q) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", p, strings.Join(all[strings.TrimSpace(p)], " "))
	}
	b.WriteString("  esac\n}\ncomplete -o default -F _counterpart counterpart\n")
	return b.String()
}
