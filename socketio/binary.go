package socketio

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/sockeye-im/sockeye/internal/jsonscan"
)

// encoding/json writes a []byte as base64 wherever it finds one. To make it an
// attachment instead, a struct, or another value that encoding/json has to look
// at, is encoded from a copy in which tokens stand for the bytes; in the text each
// token becomes the placeholder of the bytes that it stands for. What a field is
// called, when it is left out, what is embedded where: all that stays
// encoding/json's.
//
// Most values hold no bytes, and are not copied. Which types can is found out once
// for each; of values of those types that is looked up each time.

// shape says whether values of a type can hold bytes, and for a struct where.
type shape struct {
	holds  bool
	fields []shapeField // of a struct
}

type shapeField struct {
	index     int
	omitEmpty bool
}

var shapes sync.Map // reflect.Type to *shape

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{holds: canHold(t, make(map[reflect.Type]bool))}
	if s.holds && t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			f := t.Field(i)
			if encoded(&f) && canHold(f.Type, make(map[reflect.Type]bool)) {
				_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
				s.fields = append(s.fields, shapeField{i, slices.Contains(strings.Split(options, ","), "omitempty")})
			}
		}
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}

// encoded reports whether encoding/json looks at a field.
func encoded(f *reflect.StructField) bool {
	if f.Tag.Get("json") == "-" {
		return false
	}
	if !f.Anonymous || f.IsExported() {
		return f.IsExported()
	}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

// canHold searches a type for bytes. seen are the types that are being searched.
func canHold(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || marshals(t) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Slice:
		return isBytes(t) || canHold(t.Elem(), seen)
	case reflect.Array, reflect.Pointer, reflect.Map:
		return canHold(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); encoded(&f) && canHold(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

var (
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshals reports whether a type says itself how it is encoded.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Implements(marshalerType) || t.Implements(textMarshalerType) || p.Implements(marshalerType) || p.Implements(textMarshalerType)
}

// isBytes reports whether encoding/json writes a slice as base64.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !marshals(t.Elem())
}

var errTooDeep = errors.New("value is nested too deep, or holds itself")

// holdsBytes reports whether there are bytes in a value. depth is the number of
// values around it.
func holdsBytes(v any, depth int) (bool, error) {
	if depth > jsonscan.MaxDepth {
		return false, errTooDeep
	}
	switch v := v.(type) {
	case nil, bool, string, int, int64, float64, json.Number, json.RawMessage, *jsonValue:
		return false, nil
	case []byte:
		return v != nil, nil
	case Binary:
		return true, nil
	case map[string]any:
		for _, element := range v {
			if found, err := holdsBytes(element, depth+1); found || err != nil {
				return found, err
			}
		}
		return false, nil
	case []any:
		for _, element := range v {
			if found, err := holdsBytes(element, depth+1); found || err != nil {
				return found, err
			}
		}
		return false, nil
	}
	return valueHolds(reflect.ValueOf(v), depth)
}

// valueHolds is holdsBytes for any type.
func valueHolds(v reflect.Value, depth int) (bool, error) {
	t := v.Type()
	s := shapeOf(t)
	if !s.holds {
		return false, nil
	}
	if depth > jsonscan.MaxDepth {
		return false, errTooDeep
	}
	switch t.Kind() {
	case reflect.Interface:
		if v.CanInterface() {
			return holdsBytes(v.Interface(), depth)
		}
		fallthrough
	case reflect.Pointer:
		if v.IsNil() {
			return false, nil
		}
		return valueHolds(v.Elem(), depth+1)
	case reflect.Slice:
		if isBytes(t) {
			return !v.IsNil(), nil
		}
		return anyHolds(v.Len(), v.Index, depth)
	case reflect.Array:
		return anyHolds(v.Len(), v.Index, depth)
	case reflect.Struct:
		return anyHolds(len(s.fields), func(i int) reflect.Value { return v.Field(s.fields[i].index) }, depth)
	case reflect.Map:
		for elements := v.MapRange(); elements.Next(); {
			if found, err := valueHolds(elements.Value(), depth+1); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}

func anyHolds(n int, at func(int) reflect.Value, depth int) (bool, error) {
	for i := range n {
		if found, err := valueHolds(at(i), depth+1); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// blobs are the bytes of a value, in the order of their tokens.
type blobs [][]byte

// A token is random bytes that no client can know, and a number. As base64 it has
// a beginning that is always the same.
const (
	tokenSecret = 24 // bytes: their base64 has no padding
	tokenNumber = 3
)

var (
	tokenPrefix = randomBytes(tokenSecret)
	tokenBegin  = []byte(`"` + base64.StdEncoding.EncodeToString(tokenPrefix))
	tokenLength = len(tokenBegin) + base64.StdEncoding.EncodedLen(tokenNumber) + len(`"`)
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

// token keeps bytes and returns what stands for them.
func (b *blobs) token(data []byte) []byte {
	n := len(*b)
	*b = append(*b, data)
	return append(slices.Clip(tokenPrefix), byte(n>>16), byte(n>>8), byte(n))
}

// find looks for the next token in a text.
func (b blobs) find(text []byte) (before, data, behind []byte, found bool) {
	at := 0
	for {
		i := bytes.Index(text[at:], tokenBegin)
		if i < 0 || len(text) < at+i+tokenLength {
			return text, nil, nil, false
		}
		at += i
		number := text[at+len(tokenBegin) : at+tokenLength-1]
		n, err := base64.StdEncoding.AppendDecode(nil, number)
		if err == nil && len(n) == tokenNumber {
			if i := int(n[0])<<16 | int(n[1])<<8 | int(n[2]); i < len(b) {
				return text[:at], b[i], text[at+tokenLength:], true
			}
		}
		at++
	}
}

// replace copies a value, with tokens for its bytes. Nothing of the original is
// changed; what holds no bytes may be shared with it.
func (b *blobs) replace(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int, int64, float64, json.Number, json.RawMessage, *jsonValue:
		return v
	case []byte:
		if v == nil {
			return v
		}
		return b.token(v)
	case Binary:
		return b.token(v)
	case map[string]any:
		if v == nil {
			return v
		}
		replaced := make(map[string]any, len(v))
		for key, element := range v {
			replaced[key] = b.replace(element)
		}
		return replaced
	case []any:
		if v == nil {
			return v
		}
		replaced := make([]any, len(v))
		for i, element := range v {
			replaced[i] = b.replace(element)
		}
		return replaced
	}
	r := reflect.ValueOf(v)
	if !shapeOf(r.Type()).holds {
		return v
	}
	return b.copyOf(r).Interface()
}

func (b *blobs) copyOf(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	b.fill(c)
	return c
}

// fill puts tokens into a copy, and copies what it points to.
func (b *blobs) fill(v reflect.Value) {
	t := v.Type()
	s := shapeOf(t)
	if !s.holds {
		return
	}
	if !v.CanSet() { // embedded by a pointer to a type that is not exported
		v = reflect.NewAt(t, v.Addr().UnsafePointer()).Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		b.fillFields(v, s.fields)
		return
	case reflect.Array:
		for i := range v.Len() {
			b.fill(v.Index(i))
		}
		return
	}
	if v.IsNil() {
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(b.copyOf(v.Elem()).Addr().Convert(t))
	case reflect.Interface:
		b.fillInterface(v)
	case reflect.Slice:
		b.fillSlice(v)
	case reflect.Map:
		elements := reflect.MakeMapWithSize(t, v.Len())
		for old := v.MapRange(); old.Next(); {
			elements.SetMapIndex(old.Key(), b.copyOf(old.Value()))
		}
		v.Set(elements)
	}
}

func (b *blobs) fillFields(v reflect.Value, fields []shapeField) {
	for _, f := range fields {
		field := v.Field(f.index)
		if f.omitEmpty && isBytes(field.Type()) && field.Len() == 0 {
			continue // a token is not empty
		}
		b.fill(field)
	}
}

func (b *blobs) fillInterface(v reflect.Value) {
	if v.NumMethod() > 0 { // what it holds has to keep its type
		v.Set(b.copyOf(v.Elem()))
		return
	}
	v.Set(reflect.ValueOf(b.replace(v.Interface())))
}

func (b *blobs) fillSlice(v reflect.Value) {
	if isBytes(v.Type()) {
		v.SetBytes(b.token(v.Bytes()))
		return
	}
	elements := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(elements, v)
	for i := range v.Len() {
		b.fill(elements.Index(i))
	}
	v.Set(elements)
}
