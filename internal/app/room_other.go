//go:build !unix

package app

// maxFiles is not known here.
func maxFiles() int { return 0 }
