package keyfactor

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
)

// Account is a login of ours. Keyfactor counts one approval for each, so that a
// step which wants several takes one signal from each of several accounts.
type Account struct {
	// Name is what [approval.Decision.Account] says. The first account has none.
	Name   string
	Client *Client
}

// Accounts returns the names of the logins that can carry a decision, in the
// order of preference. The first name is empty.
func (w *Workflows) Accounts() []string {
	names := make([]string, len(w.accounts))
	for i, a := range w.accounts {
		names[i] = a.Name
	}
	return names
}

// account returns the client of a login.
func (w *Workflows) account(name string) (*Client, error) {
	for _, a := range w.accounts {
		if a.Name == name {
			return a.Client, nil
		}
	}
	return nil, fmt.Errorf("there is no Keyfactor account %q in the configuration any more", name)
}

// read reads an instance with the first account that may: one that has given its
// answer can lose sight of an instance that still waits for the others. Gone or
// hidden is only what is so for all.
func (w *Workflows) read(ctx context.Context, instance string) (Instance, error) {
	var worst error
	for _, a := range w.accounts {
		i, err := a.Client.Instance(ctx, instance)
		if err == nil || errors.Is(err, approval.ErrUnavailable) {
			return i, err
		}
		if worst == nil || gravity(err) > gravity(worst) {
			worst = err
		}
	}
	return Instance{}, worst
}

// gravity orders the refusals of several accounts by how little they allow to
// conclude: a login that is not accepted says nothing, and hidden is not gone.
func gravity(err error) int {
	switch {
	case errors.Is(err, approval.ErrNotFound):
		return 0
	case errors.Is(err, approval.ErrForbidden):
		return 1
	}
	return 2
}

// ailing remembers which further accounts cannot list at the moment, so that the
// log hears of it once and not with every poll.
type ailing struct {
	mu sync.Mutex
	by map[string]bool
}

func (a *ailing) note(log *zap.Logger, account string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch was := a.by[account]; {
	case err != nil && !was:
		log.Warn("an account of keyfactor.accounts cannot list what waits for it; the others go on without it", zap.String("account", account), zap.Error(err))
	case err == nil && was:
		log.Info("the account can list again", zap.String("account", account))
	}
	if a.by == nil {
		a.by = map[string]bool{}
	}
	a.by[account] = err != nil
}
