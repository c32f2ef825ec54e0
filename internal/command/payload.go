package command

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// ErrBinary is for decoders of protocols that can carry binary data: it would be
// decoded as base64, and stored as text that nobody wrote.
var ErrBinary error = &refusal.Error{Code: refusal.InvalidField, Message: "Payload must not contain binary data", Field: "payload"}

// ReadPayload decodes a payload into the struct that dst points to; decode is nil
// when there is none. What is wrong with it is told by field, in a *refusal.Error.
func ReadPayload(decode Decode, dst any) error {
	if decode == nil {
		if reflect.TypeOf(dst).Elem().NumField() == 0 {
			return nil
		}
		return refusal.Missing("")
	}
	err := decode(dst)
	if err == nil {
		return nil
	}
	if refused := refusal.Of(err); refused != nil {
		return refused
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		// Fields that payloads share are in an embedded struct, of which clients
		// know nothing.
		field := wrongType.Field[strings.LastIndexByte(wrongType.Field, '.')+1:]
		return refusal.Invalid(field, "must be "+wanted(dst, field)+", not "+found(wrongType))
	}
	return &refusal.Error{Code: refusal.InvalidField, Message: "Payload must be an object", Field: "payload"}
}

// found names the JSON type that was received. A number comes with its digits,
// of which there can be any number.
func found(e *json.UnmarshalTypeError) string {
	kind, _, _ := strings.Cut(e.Value, " ")
	return kind
}

// wanted names the JSON type of a field of the payload that dst points to.
func wanted(dst any, field string) string {
	of := fieldType(reflect.TypeOf(dst).Elem(), field)
	if of == nil {
		return "of another type"
	}
	switch of.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array of strings"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Bool:
		return "true or false"
	case reflect.Map:
		return "an object of integers"
	case reflect.Struct:
		return "an object"
	}
	return "of another type"
}

// fieldType is the type of a field of a payload, or of an object in it; nil if
// there is none of that name. What is optional is told like what is not.
func fieldType(payload reflect.Type, field string) reflect.Type {
	for _, f := range reflect.VisibleFields(payload) {
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == field {
			return of
		}
		if of.Kind() == reflect.Struct && !f.Anonymous {
			if inside := fieldType(of, field); inside != nil {
				return inside
			}
		}
	}
	return nil
}
