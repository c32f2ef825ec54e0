package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// allPlatforms are those that are released.
var allPlatforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// platform is what a binary runs on, in the words of Go.
type platform struct{ os, arch string }

func platformOf(name string) (platform, error) {
	for _, known := range allPlatforms {
		if name == known {
			system, arch, _ := strings.Cut(name, "/")
			return platform{system, arch}, nil
		}
	}
	return platform{}, fmt.Errorf("platforms: %q, it must be one of %s", name, strings.Join(allPlatforms, ", "))
}

func (p platform) String() string { return p.os + "-" + p.arch }

func (p platform) program() string {
	if p.os == "windows" {
		return "sockeye.exe"
	}
	return "sockeye"
}

// unset are variables that would change what is built, and that a developer may have set.
var unset = []string{"GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GODEBUG="}

// build builds the server for a platform into a folder of its own in another one, and returns its path.
func (r *release) build(ctx context.Context, p platform, into string) (string, error) {
	into, err := filepath.Abs(into)
	if err != nil {
		return "", err
	}
	path := filepath.Join(into, p.String(), p.program())
	// No stamp of git: the version says what it is, also where there is no repository.
	err = r.call(ctx, r.root, append(unset, "GOOS="+p.os, "GOARCH="+p.arch), "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+r.version, "-o", path, "./cmd/sockeye")
	if err != nil {
		return "", fmt.Errorf("%s: %w", p, err)
	}
	return path, nil
}

// describe has a binary for this machine write what it says of itself, into a folder: the page of the manual and the scripts for
// shells, which are the same on all platforms.
func (r *release) describe(ctx context.Context, work string) (string, error) {
	// For whatever this machine is, which need not be a platform that is released. If it is one, this is its binary: the same file.
	binary, err := r.build(ctx, platform{runtime.GOOS, runtime.GOARCH}, work)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(work, "described")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	for name, args := range map[string][]string{
		"sockeye.1": {"man"}, "sockeye.bash": {"completion", "bash"}, "_sockeye": {"completion", "zsh"}, "sockeye.fish": {"completion", "fish"},
	} {
		command := exec.CommandContext(ctx, binary, args...)
		command.Env = []string{} // no setting of whoever makes the release
		out, err := command.Output()
		if err != nil {
			return "", fmt.Errorf("sockeye %s: %w", strings.Join(args, " "), err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), out, 0o644); err != nil {
			return "", err
		}
	}
	return folder, nil
}
