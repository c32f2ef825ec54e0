// Command sockeye is the chat server. See `sockeye --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/app"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly stop; giving up the handler lets a second one end the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Program{
		Serve:    app.Run,
		Accounts: app.OpenAccounts,
		Version:  version,
		Stdin:    os.Stdin,
		Stdout:   os.Stdout,
		Stderr:   os.Stderr,
		Lookup:   os.LookupEnv,
	}.Run(ctx, os.Args[1:]))
}
