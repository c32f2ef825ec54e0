package app

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// uploadConfig is the part that concerns files.
func uploadConfig(cfg config.Config) upload.Config {
	out := upload.DefaultConfig()
	out.MaxSize, out.Quota, out.Types = int64(cfg.Files.UploadMaxSize), int64(cfg.Files.UploadQuota), cfg.Files.UploadTypes
	out.KeepMetadata = cfg.Files.UploadKeepMetadata.On
	return out
}

// filesDir is where files are.
func filesDir(cfg config.Config) string {
	return cmp.Or(cfg.Files.FilesDir, filepath.Join(cfg.Account.Data, "files"))
}

// buildFiles makes who takes files, unless each of several servers would have a folder of its own.
func (s *Server) buildFiles(context.Context) (err error) {
	if s.Store.Shared() != nil && !s.settings.Files.FilesShared.On {
		s.log.Warn("users cannot upload files: several servers may use the database, and each would have files of its own. Give them one folder, files-dir, and say files-shared: on",
			"files-dir", filesDir(s.settings.Config))
		return nil
	}
	if dir := s.settings.Files.FilesDir; dir != "" { // rather now than with the first file
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("files-dir: %w", err)
		}
	}
	blobs := upload.NewDisk(filesDir(s.settings.Config), s.settings.FilesReserve)
	maker, err := s.buildMaker()
	if err != nil {
		return err
	}
	s.Files, err = upload.New(s.settings.Uploads, upload.Deps{
		Store: s.Store.Files(), Blobs: blobs, Maker: maker, Tell: news{s.Feed}.file, Now: s.settings.Said, NewID: chat.NewID, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.follow(func(chats []chat.Event, _ []account.Event) []job.Job { return s.Files.Follow(chats) })
	return nil
}

// fileRetries has removals be tried until they succeed: what was deleted must go, and a disk may be away for days.
const fileRetries = 1000

// fileJobs are those about files, if there are any.
func (s *Server) fileJobs() []job.Kind {
	if s.Files == nil {
		return nil
	}
	return []job.Kind{
		{Name: upload.JobKind, Handle: s.Files.Handle, Retries: fileRetries, Timeout: 5 * time.Minute, Open: true},
		{Name: upload.MakingKind, Handle: s.Files.Handle, Workers: makers(), Retries: makingRetries, Backoff: time.Second, Timeout: 5 * time.Minute, Open: true},
	}
}

// addFileTasks has what nobody has sent removed, and once a night compared what there is with what there should be.
func (s *Server) addFileTasks(tasks upkeepJobs) {
	if s.Files == nil {
		return
	}
	tasks.add("expire files", "*/10 * * * *", func(ctx context.Context) error {
		removed, err := s.Files.Expire(ctx)
		if removed > 0 {
			s.log.Info("removed files that nobody has sent", "files", removed)
		}
		return err
	})
	tasks.add("sweep files", "17 3 * * *", s.sweepFiles)
}

// sweepFiles reports bytes that belong to nobody, and files whose bytes are missing. It changes nothing.
func (s *Server) sweepFiles(ctx context.Context) error {
	report, err := s.Files.Sweep(ctx)
	if err != nil {
		return err
	}
	if len(report.Strays) > 0 {
		s.log.Warn("there are bytes of files that are not in the database; nothing was removed", "count", len(report.Strays), "ids", report.Strays)
	}
	if len(report.Missing) > 0 {
		s.log.Error("bytes of files are missing: restore them from a backup", "count", len(report.Missing), "ids", report.Missing)
	}
	return nil
}
