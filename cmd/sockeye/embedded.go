package main

// What an image of nothing but this program would lack, and what is used only where the system has none of its own: the names of
// time zones, and, in package roots, the authorities that Mozilla trusts.
import (
	_ "time/tzdata"

	"github.com/sockeye-im/sockeye/cmd/sockeye/roots"
)

func init() { roots.Provide() }
