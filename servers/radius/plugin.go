package radius

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed dictionary.pyrad
var pyradDictionary string

// PyradDictionary is a dictionary file that pyrad can read. The SPS plugin needs
// one: without the VALUE lines of Prompt it never hides an answer, and with State
// as a string it crashes.
func PyradDictionary() string { return pyradDictionary }

// PluginConfig is the [radius] section of the SPS plugin's configuration for a
// server at host and port. The plugin can send ASCII secrets only; the error says
// so of any other.
func PluginConfig(host string, port int, secret, dictionaryPath string) (string, error) {
	for _, r := range secret {
		if r > 0x7e || r < 0x20 {
			return "", fmt.Errorf("the plugin can send printable ASCII secrets only")
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[radius]\nserver=%s\nport=%d\nsecret=%s\nauth_type=pap\nconn_retries=3\nconn_timeout=5\n", host, port, secret)
	if dictionaryPath != "" {
		fmt.Fprintf(&b, "dictionary_path=%s\n", dictionaryPath)
	}
	return b.String(), nil
}
