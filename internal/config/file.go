package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

const maxFileBytes = 1 << 20

// file is a settings file as key → value.
type file struct {
	path   string
	values map[string]fileValue
}

// fileValue is a value as a flag would have been given it.
type fileValue struct {
	text string
	list bool
	line int
}

// readFile reads a YAML file and refuses keys that are not known.
func readFile(path string, known map[string]bool) (*file, error) {
	raw, err := readAtMost(path, maxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	f := &file{path: path, values: map[string]fileValue{}}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return f, nil // nothing but comments
	} else if err != nil {
		return nil, fmt.Errorf("config file %s: %s", path, flatten(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config file %s: holds more than one document", path)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return f, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("config file %s: is not a list of “key: value”", path)
	}
	if err := f.add("", root, known); err != nil {
		return nil, fmt.Errorf("config file %s, %w", path, err)
	}
	return f, nil
}

func readAtMost(path string, limit int64) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return raw, nil
}

// add takes over a mapping whose keys all begin with prefix. Errors begin with the line.
func (f *file) add(prefix string, mapping *yaml.Node, known map[string]bool) error {
	for i := 0; i < len(mapping.Content); i += 2 {
		name, node := mapping.Content[i], mapping.Content[i+1]
		key := prefix + name.Value
		if node.Kind == yaml.MappingNode {
			if !beginsAny(known, key+"-") {
				return fmt.Errorf("line %d: unknown key %q", name.Line, key)
			}
			if err := f.add(key+"-", node, known); err != nil {
				return err
			}
			continue
		}
		if !known[key] {
			return fmt.Errorf("line %d: unknown key %q", name.Line, key)
		}
		if earlier, twice := f.values[key]; twice {
			return fmt.Errorf("line %d: %q was already set in line %d", name.Line, key, earlier.line)
		}
		value, err := valueOf(node)
		if err != nil {
			return fmt.Errorf("line %d: %q %w", name.Line, key, err)
		}
		f.values[key] = value
	}
	return nil
}

func beginsAny(known map[string]bool, prefix string) bool {
	for key := range known {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

func valueOf(node *yaml.Node) (fileValue, error) {
	value := fileValue{line: node.Line}
	switch node.Kind {
	case yaml.ScalarNode:
		if node.Tag == "!!null" {
			return value, errors.New("has no value")
		}
		value.text = node.Value
		return value, nil
	case yaml.SequenceNode:
		text, err := listText(node)
		value.text, value.list = text, true
		return value, err
	}
	return value, errors.New("is an alias, which is not supported here")
}

// listText writes plain values as a flag takes them, with commas between, and anything deeper as YAML.
func listText(list *yaml.Node) (string, error) {
	var plain []string
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode {
			raw, err := yaml.Marshal(list)
			return string(raw), err
		}
		if strings.ContainsRune(item.Value, ',') {
			return "", fmt.Errorf("has an item with a comma: %q", item.Value)
		}
		plain = append(plain, item.Value)
	}
	return strings.Join(plain, ","), nil
}
