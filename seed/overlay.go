package seed

import (
	"context"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/serving/strictyaml"
)

// Written is a seed as a map, each value as it is written: 0042 is still 0042 there.
func Written(name string, text []byte) (map[string]any, error) {
	wrong := &strictyaml.Errors{}
	root := strictyaml.Parse(context.Background(), text, strictyaml.Config{What: "seed", Limits: strictyaml.SeedLimits()},
		func(_ *strictyaml.Node, p strictyaml.Problem) { wrong.Add(p) })
	if len(wrong.Problems) > 0 {
		return nil, errors.New(wrong.In(name))
	}
	m, ok := root.Written().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: a seed is a block of keys, not %s", name, root.Kind)
	}
	return m, nil
}

// Overlay is the text of a seed with values laid over it: blocks key by key, everything
// else replaces.
func Overlay(name string, text []byte, over map[string]any) ([]byte, error) {
	m, err := Written(name, text)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(overlaid(m, over))
}

func overlaid(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		a, isMap := out[k].(map[string]any)
		if b, ok := v.(map[string]any); ok && isMap {
			v = overlaid(a, b)
		}
		out[k] = v
	}
	return out
}
