package socketio

import (
	"encoding/json"
	"net/url"
)

// queryValue is what a version 2 client sends with a namespace, as an object of
// strings.
func queryValue(query url.Values) Value {
	flat := make(map[string]string, len(query))
	for key := range query {
		flat[key] = query.Get(key)
	}
	text, _ := json.Marshal(flat) // strings always encode
	return &jsonValue{text: text}
}
