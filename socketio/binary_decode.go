package socketio

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// encoding/json reads binary data, given to it as base64, into a []byte; into an
// any it would go as text. What the anys of a value are to hold is put there
// afterwards.

// looseTypes says of which types the values can hold an any that is decoded into.
var looseTypes sync.Map // reflect.Type to bool

func isLooseInside(t reflect.Type) bool {
	if known, ok := looseTypes.Load(t); ok {
		return known.(bool)
	}
	loose := canBeLoose(t, make(map[reflect.Type]bool))
	looseTypes.Store(t, loose)
	return loose
}

// canBeLoose searches a type for an any. seen are the types that are being
// searched.
func canBeLoose(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || unmarshals(t) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array, reflect.Slice, reflect.Pointer, reflect.Map:
		return canBeLoose(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); encoded(&f) && canBeLoose(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

var (
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// unmarshals reports whether a type says itself how it is decoded.
func unmarshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType)
}

// decodeTree stores a value with attachments in what dst points to.
func decodeTree(tree, dst any) error {
	v := reflect.ValueOf(dst)
	loose := v.Kind() == reflect.Pointer && !v.IsNil() && isLooseInside(v.Type())
	asText := tree
	if loose {
		asText = copyTree(tree)
	}
	text, err := json.Marshal(asBase64(asText))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, dst); err != nil {
		return err
	}
	if loose {
		loosen(v.Elem(), tree)
	}
	return nil
}

func copyTree(tree any) any {
	switch node := tree.(type) {
	case []any:
		elements := make([]any, len(node))
		for i := range node {
			elements[i] = copyTree(node[i])
		}
		return elements
	case map[string]any:
		elements := make(map[string]any, len(node))
		for key := range node {
			elements[key] = copyTree(node[key])
		}
		return elements
	}
	return tree
}

// asBase64 makes text of the attachments of a tree, in place.
func asBase64(tree any) any {
	switch node := tree.(type) {
	case Binary:
		return base64.StdEncoding.EncodeToString(node)
	case []any:
		for i := range node {
			node[i] = asBase64(node[i])
		}
	case map[string]any:
		for key := range node {
			node[key] = asBase64(node[key])
		}
	}
	return tree
}

// loosen puts the attachments of a tree into the anys of a value that has been
// decoded from it.
func loosen(v reflect.Value, tree any) {
	if !isLooseInside(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		loosenInterface(v, tree)
	case reflect.Pointer:
		if !v.IsNil() {
			loosen(v.Elem(), tree)
		}
	case reflect.Slice, reflect.Array:
		elements, _ := tree.([]any)
		for i := range min(v.Len(), len(elements)) {
			loosen(v.Index(i), elements[i])
		}
	case reflect.Map:
		loosenMap(v, tree)
	case reflect.Struct:
		loosenFields(v, tree)
	}
}

func loosenInterface(v reflect.Value, tree any) {
	switch {
	case v.IsNil() || !v.CanSet(): // not decoded into
	case v.Elem().Kind() == reflect.Pointer:
		loosen(v.Elem(), tree) // what was there is decoded into
	case v.NumMethod() == 0 && hasBinary(tree):
		v.Set(reflect.ValueOf(plainNumbers(tree)))
	}
}

func loosenMap(v reflect.Value, tree any) {
	fields, _ := tree.(map[string]any)
	key := v.Type().Key()
	if key.Kind() != reflect.String || unmarshals(key) {
		return
	}
	for name, field := range fields {
		k := reflect.ValueOf(name).Convert(key)
		if old := v.MapIndex(k); old.IsValid() {
			element := reflect.New(v.Type().Elem()).Elem()
			element.Set(old)
			loosen(element, field)
			v.SetMapIndex(k, element)
		}
	}
}

func loosenFields(v reflect.Value, tree any) {
	fields, _ := tree.(map[string]any)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !encoded(&f) {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			loosen(v.Field(i), tree)
			continue
		case name == "":
			name = f.Name
		}
		loosen(v.Field(i), fieldOf(fields, name))
	}
}

// fieldOf finds a field as encoding/json does.
func fieldOf(fields map[string]any, name string) any {
	if exact, ok := fields[name]; ok {
		return exact
	}
	for key, field := range fields {
		if strings.EqualFold(key, name) {
			return field
		}
	}
	return nil
}

func hasBinary(tree any) bool {
	switch node := tree.(type) {
	case Binary:
		return true
	case []any:
		return slices.ContainsFunc(node, hasBinary)
	case map[string]any:
		for _, element := range node {
			if hasBinary(element) {
				return true
			}
		}
	}
	return false
}

// plainNumbers makes of exact numbers what encoding/json puts into an any. They are
// within range: they have been decoded.
func plainNumbers(tree any) any {
	switch node := tree.(type) {
	case json.Number:
		n, _ := node.Float64()
		return n
	case []any:
		for i := range node {
			node[i] = plainNumbers(node[i])
		}
	case map[string]any:
		for key := range node {
			node[key] = plainNumbers(node[key])
		}
	}
	return tree
}
