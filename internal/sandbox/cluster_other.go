//go:build !unix

// Package sandbox runs on one machine what a cluster consists of. It needs Unix.
package sandbox

import (
	"context"
	"errors"
)

// Run fails: it needs Unix.
func Run(context.Context, Settings, func(line string)) error {
	return errors.New("a cluster for trying needs Linux or another Unix")
}
