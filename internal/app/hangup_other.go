//go:build !unix

package app

// onHangup does nothing: there is no SIGHUP here.
func onHangup(func()) (stop func() error) { return func() error { return nil } }
