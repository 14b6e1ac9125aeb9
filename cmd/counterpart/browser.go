package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"counterpart/internal/steering/boot"
)

// consoleURL is where the console is; empty: nowhere.
func consoleURL(company *boot.Company) string {
	for _, e := range company.Fleet.Endpoints() {
		if e.ID() == "control/http" {
			return e.URL()
		}
	}
	return ""
}

// opens are the programs that show an address, by system.
var opens = map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}

// browse shows an address in whatever this machine shows addresses with.
func browse(ctx context.Context, url string) error {
	words, known := opens[runtime.GOOS]
	if !known {
		words = []string{"xdg-open"}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // the program only hands it on
	defer cancel()
	if out, err := exec.CommandContext(ctx, words[0], append(words[1:], url)...).CombinedOutput(); err != nil {
		return fmt.Errorf("--open: %s cannot show %s: %w %s", words[0], url, err, out)
	}
	return nil
}
