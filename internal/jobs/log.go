package jobs

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// reporter is where errors of jobs are logged, once.
type reporter struct{ log *zap.Logger }

func (r *reporter) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	r.log.Warn("job failed; it is tried again", append(about(job), zap.Error(err))...)
	return nil
}

func (r *reporter) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	r.log.Error("job panicked; it is tried again", append(about(job), zap.Any("panic", value), zap.String("trace", trace))...)
	return nil
}

func about(job *rivertype.JobRow) []zap.Field {
	return []zap.Field{zap.String("job", job.Kind), zap.ByteString("args", job.EncodedArgs), zap.Int("attempt", job.Attempt)}
}

// quieter lowers River's own messages by one level: what it calls an error is
// repaired by its next round or by our sweep, and what it informs about is routine.
type quieter struct{ slog.Handler }

func quiet(log *zap.Logger) slog.Handler {
	return quieter{zapslog.NewHandler(log.Core(), zapslog.WithName("river"))}
}

func (q quieter) lower(l slog.Level) slog.Level { return l - 4 }

func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, q.lower(l))
}

func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = q.lower(r.Level)
	return q.Handler.Handle(ctx, r)
}

func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs)}
}
func (q quieter) WithGroup(name string) slog.Handler { return quieter{q.Handler.WithGroup(name)} }
