// Package openapi_test holds the OpenAPI document of the HTTP API against the specification's own schema, by a validator
// that shares nothing with the server.
package openapi_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/sockeye-im/sockeye/internal/httpapi"
)

func TestDocumentIsValid(t *testing.T) {
	document, err := httpapi.Document(httpapi.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if said, err := validate(t, document); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// TestValidatorFinds what a change of the document would break.
func TestValidatorFinds(t *testing.T) {
	document, err := httpapi.Document(httpapi.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another version":      {`"openapi":"3.1.0"`, `"openapi":"3.0.3"`},
		"a parameter nowhere":  {`"in":"path"`, `"in":"nowhere"`},
		"an answer of no text": {`"description":"OK"`, `"descriptive":"OK"`},
	} {
		broken := bytes.ReplaceAll(document, []byte(change[0]), []byte(change[1]))
		if bytes.Equal(broken, document) {
			t.Fatalf("%s: there is no %s", name, change[0])
		}
		if said, err := validate(t, broken); err == nil || len(said) == 0 {
			t.Errorf("%s is valid", name)
		}
	}
}

func validate(t *testing.T, document []byte) (said []byte, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs an npm package")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: the test of the OpenAPI document needs Node.js 20 or newer")
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		t.Fatal("the validator is not installed: run `npm ci` in test/openapi, or `make test`")
	}
	if _, err := os.Stat("validate.mjs"); err != nil { // go test keeps a result until a file that it has seen changes
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "validate.mjs")
	node.Stdin = bytes.NewReader(document)
	return node.CombinedOutput()
}
