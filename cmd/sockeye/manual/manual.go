// Package manual writes what a program's command line says of itself in the forms in which systems keep it: a page of the manual,
// and scripts by which shells complete. It knows no program: everything is taken from the model of the command line, so that nothing
// has to be said twice. Its functions are pure and may be called concurrently with anything that does not change the model.
package manual

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// commands are all commands that are shown, parents before their children, without the program itself.
func commands(of *kong.Node) (all []*kong.Node) {
	for _, child := range of.Children {
		if !child.Hidden {
			all = append(append(all, child), commands(child)...)
		}
	}
	return all
}

// path is how a command is called, without the program's name: user list.
func path(of *kong.Node) string {
	var words []string
	for ; of.Parent != nil; of = of.Parent {
		words = append(words, of.Name)
	}
	slices.Reverse(words)
	return strings.Join(words, " ")
}

// flags are those of a command that are shown, its parents' before its own.
func flags(of *kong.Node) (all []*kong.Flag) {
	for _, group := range of.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// takes is what the value of a flag is, as far as it can be completed.
type takes int

const (
	nothing takes = iota // it is a switch without a value
	oneOf                // of the words in the flag's enum
	aFile
	aFolder
	anything
)

func valueOf(flag *kong.Flag) takes {
	switch {
	case flag.IsBool():
		return nothing
	case flag.Enum != "":
		return oneOf
	case flag.PlaceHolder == "FILE" || strings.HasSuffix(flag.Name, "-file"):
		return aFile
	case flag.PlaceHolder == "DIR" || flag.Name == "data":
		return aFolder
	}
	return anything
}
