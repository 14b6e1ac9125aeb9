package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// section is one heading of the document: its files and its console lines.
type section struct {
	title    string
	files    map[string]string
	commands []consoleLine
}

type consoleLine struct {
	command string
	want    []string
}

// TestControlDocs runs every command of docs/control.md, section by section, each
// against a fresh demo fleet.
func TestControlDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/control.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range sections(string(text)) {
		if len(s.commands) == 0 {
			continue
		}
		n += len(s.commands)
		t.Run(s.title, func(t *testing.T) { s.run(t) })
	}
	if n < 40 {
		t.Errorf("only %d commands were found", n)
	}
}

// TestControlDocsNameEveryMetric: whatever /metrics has is explained.
func TestControlDocsNameEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/control.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	curl(t, []string{"http://" + startServing(t, t.TempDir())["control/http"] + "/metrics"}, &out)
	names := regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(out.String(), -1)
	if len(names) < 15 {
		t.Errorf("only %d metrics in\n%s", len(names), out.String())
	}
	for _, n := range names {
		if !bytes.Contains(text, []byte("`"+n[1]+"`")) {
			t.Errorf("docs/control.md does not explain %s", n[1])
		}
	}
}

func sections(text string) (all []section) {
	all = []section{{title: "first", files: map[string]string{}}}
	block, file := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		now := &all[len(all)-1]
		switch {
		case strings.HasPrefix(line, "```") && block == "":
			block = strings.TrimPrefix(line, "```")
			_, file, _ = strings.Cut(block, "file=")
		case line == "```":
			block = ""
		case block == "" && strings.HasPrefix(line, "## "):
			all = append(all, section{title: line[3:], files: map[string]string{}})
		case file != "" && block != "":
			now.files[file] += line + "\n"
		case block == "console" && strings.HasPrefix(line, "$ "):
			now.commands = append(now.commands, consoleLine{command: line[2:]})
		case block == "console" && len(now.commands) > 0:
			c := &now.commands[len(now.commands)-1]
			c.want = append(c.want, line)
		}
	}
	return all
}

func (s section) run(t *testing.T) {
	dir := t.TempDir()
	for name, text := range s.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ports := startServing(t, dir)
	t.Setenv("COUNTERPART_CONTROL_URL", "http://"+ports["control/http"])
	addresses := strings.NewReplacer("127.0.0.1:8080", ports["native/http"], "127.0.0.1:8099", ports["control/http"])
	for _, c := range s.commands {
		args := shellWords(addresses.Replace(c.command))
		var out bytes.Buffer
		code := 0
		switch args[0] {
		case "counterpart":
			for i, a := range args {
				if _, is := s.files[a]; is {
					args[i] = filepath.Join(dir, a)
				}
			}
			code = run(t.Context(), args[1:], strings.NewReader(""), &out, &out)
		case "curl":
			code = curl(t, args[1:], &out)
		default:
			t.Errorf("%s is no command of this test", args[0])
		}
		if code != 0 {
			fmt.Fprintf(&out, "\n(exit code %d)", code)
		}
		if !fits(c.want, out.String()) {
			t.Errorf("$ %s\ngot:\n%s\nthe document says:\n%s", c.command, out.String(), strings.Join(c.want, "\n"))
		}
	}
}

// startServing serves the demo company and returns its ports.
func startServing(t *testing.T, dir string, more ...string) (ports map[string]string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	file := filepath.Join(dir, "ports.json")
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", "--ports", "auto", "--ports-file", file}, more...), strings.NewReader(""), io.Discard, io.Discard)
	}()
	t.Cleanup(func() { cancel(); <-done; http.DefaultClient.CloseIdleConnections() })
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &ports) == nil {
			return ports
		}
	}
	t.Fatal("it does not start")
	return nil
}

// fits compares an output with what the document shows: blanks count as one, …
// is anything.
func fits(want []string, got string) bool {
	blanks := regexp.MustCompile(`\s+`)
	flat := func(s string) string { return strings.TrimSpace(blanks.ReplaceAllString(s, " ")) }
	pattern := strings.ReplaceAll(regexp.QuoteMeta(flat(strings.Join(want, "\n"))), "…", ".*")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(flat(got))
}

// shellWords splits a line as a shell does, quotes included.
func shellWords(line string) (words []string) {
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, open = r, true
		case quote == 0 && r == ' ':
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}

// curl is as much of it as the document uses: -u, -X, --json.
func curl(t *testing.T, args []string, out io.Writer) int {
	method, user, body, url := "GET", "", "", ""
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-u":
			i++
			user = args[i]
		case "-X":
			i++
			method = args[i]
		case "--json":
			i++
			body, method = args[i], "POST"
		default:
			url = args[i]
		}
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		req.SetBasicAuth(name, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 1
	}
	defer resp.Body.Close()
	io.Copy(out, resp.Body)
	return 0
}
