package keyfactor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
)

// Workflows is the queue of instances that are suspended at an approval step.
// Its keys are <instance GUID>/<step GUID>, both in lower case: an instance
// may wait at several steps, each of them a question of its own.
type Workflows struct {
	accounts []Account
	client   *Client // of the first, which alone adds details: they must not depend on who could read
	config   SourceConfig
	log      *zap.Logger
	ailing   ailing
}

var _ approval.Source = (*Workflows)(nil)

// NewWorkflows returns the queue as the client's identity sees it, together with
// what waits for further accounts.
func NewWorkflows(c *Client, config SourceConfig, further ...Account) *Workflows {
	return &Workflows{accounts: append([]Account{{Client: c}}, further...), client: c, config: config, log: config.log()}
}

// Kind implements [approval.Source].
func (w *Workflows) Kind() approval.Kind { return approval.Workflow }

func workflowID(instance, step string) approval.ID {
	return approval.NewID(approval.Workflow, strings.ToLower(instance+"/"+step))
}

// splitWorkflow returns the two GUIDs of an ID.
func splitWorkflow(id approval.ID) (instance, step string, err error) {
	instance, step, ok := strings.Cut(strings.ToLower(id.Key()), "/")
	if id.Kind() != approval.Workflow || !ok || instance == "" || step == "" || strings.Contains(step, "/") {
		return "", "", fmt.Errorf("%s does not name a workflow step: %w", id, approval.ErrNotFound)
	}
	return instance, step, nil
}

// List implements [approval.Source]. It yields what waits for any account, each
// request once. A further account that cannot list ends nothing: a password that
// has expired must not hide what waits for the others.
func (w *Workflows) List(ctx context.Context) iter.Seq2[approval.Item, error] {
	return func(yield func(approval.Item, error) bool) {
		seen := map[approval.ID]bool{}
		for n, a := range w.accounts {
			first, trouble := n == 0, error(nil)
			for i, err := range a.Client.waiting(ctx, ListOptions{PageSize: w.config.PageSize}) {
				item, err := w.item(i, err)
				var skipped *approval.SkippedError
				fatal := err != nil && !errors.As(err, &skipped)
				if fatal && !first {
					trouble = err
					break
				}
				if err == nil && seen[item.ID] {
					continue
				}
				seen[item.ID] = true
				if !yield(item, err) || fatal {
					return
				}
			}
			if !first && ctx.Err() == nil {
				w.ailing.note(w.log, a.Name, trouble)
			}
		}
	}
}

func (w *Workflows) item(i Instance, err error) (approval.Item, error) {
	var row *RowError
	switch {
	case errors.As(err, &row):
		return approval.Item{}, &approval.SkippedError{ID: skippedID(approval.Workflow, row.ID), Err: row}
	case err != nil:
		return approval.Item{}, fmt.Errorf("list workflow instances: %w", err)
	case i.CurrentStepID == "":
		return approval.Item{}, &approval.SkippedError{ID: skippedID(approval.Workflow, i.ID), Err: errors.New("no CurrentStepId")}
	}
	id := workflowID(i.ID, i.CurrentStepID)
	if _, err := approval.ParseID(string(id)); err != nil {
		return approval.Item{}, &approval.SkippedError{Err: err}
	}
	return approval.Item{ID: id, Changed: changed(i)}, nil
}

// skippedID names a row as far as it could be read, if that makes a valid ID.
func skippedID(kind approval.Kind, key string) approval.ID {
	id, err := approval.ParseID(string(approval.NewID(kind, strings.ToLower(key))))
	if err != nil {
		return ""
	}
	return id
}

// reading counts what is made of an answer of Keyfactor's. It is a part of every
// stamp, so that what an earlier version of ours has read is read again.
const reading = "#2"

// changed is the stamp of an instance, the same from list and detail.
func changed(i Instance) string {
	if s := i.LastModified.stamp(); s != "" {
		return s + reading
	}
	return clean(string(i.StatusMessage)) + reading
}

// Look implements [approval.Source].
func (w *Workflows) Look(ctx context.Context, id approval.ID) (approval.Standing, error) {
	instance, step, err := splitWorkflow(id)
	if err != nil {
		return approval.Standing{}, err
	}
	i, err := w.read(ctx, instance)
	if s, ok := absent(err); ok {
		return s, nil
	}
	if err != nil {
		return approval.Standing{}, fmt.Errorf("look at %s: %w", id, err)
	}
	place := locate(i, step)
	if place != waiting && place != answered {
		asked := place == rejected && elsewhere(i, step) && w.asks(ctx, i)
		return approval.Standing{Outcome: outcome(i, step, place, asked)}, nil
	}
	return approval.Standing{Waiting: true, Request: w.request(ctx, i, place)}, nil
}

// Asks reports whether people approve at the step where the instance is now.
// Reading definitions is an optional permission; without it the answer is no.
func (w *Workflows) asks(ctx context.Context, i Instance) bool {
	if i.Definition.ID == "" {
		return false
	}
	d, err := w.client.Definition(ctx, string(i.Definition.ID), int(i.Definition.Version))
	if err != nil {
		w.log.Debug("definition not read", zap.String("instance", i.ID), zap.Error(err))
		return false
	}
	s, _ := d.Step(i.CurrentStepID)
	return s.Asks()
}

// Counted implements [approval.Source] for the first account.
func (w *Workflows) Counted(ctx context.Context, id approval.ID) (bool, error) {
	return w.CountedBy(ctx, id, "")
}

// CountedBy reports whether a decision carried by the account is already
// recorded for a request that is still waiting; see [approval.Source.Counted].
// Keyfactor takes an instance off an account's own list as soon as it has that
// account's answer, even while it waits for further approvers.
//
// An empty list also follows from a role that was withdrawn. Then CountedBy
// claims a vote that is not there; the request stays visible as waiting, which
// is the harmless side to err on.
func (w *Workflows) CountedBy(ctx context.Context, id approval.ID, account string) (bool, error) {
	instance, step, err := splitWorkflow(id)
	if err != nil {
		return false, err
	}
	c, err := w.account(account)
	if err != nil {
		return false, fmt.Errorf("ask whether %s was counted: %w", id, err)
	}
	i, err := w.read(ctx, instance)
	if err != nil {
		return false, fmt.Errorf("ask whether %s was counted: %w", id, err)
	}
	switch locate(i, step) {
	case waiting:
	case answered:
		return true, nil
	default:
		return false, fmt.Errorf("ask whether %s was counted: %w", id, approval.ErrSettled)
	}
	mine, err := w.mine(ctx, c, instance)
	if err != nil {
		return false, fmt.Errorf("ask whether %s was counted: %w", id, err)
	}
	return !mine, nil
}

// mine reports whether the instance waits for an answer from the client's identity.
func (w *Workflows) mine(ctx context.Context, c *Client, instance string) (bool, error) {
	found, err := listed(ctx, c, instance, ListOptions{Query: "Id -eq " + quoted(instance), PageSize: w.config.PageSize})
	if errors.Is(err, approval.ErrRefused) {
		// A server that cannot filter by Id still has the whole list.
		found, err = listed(ctx, c, instance, ListOptions{PageSize: w.config.PageSize})
	}
	return found, err
}

func listed(ctx context.Context, c *Client, instance string, o ListOptions) (bool, error) {
	for i, err := range c.AssignedToMe(ctx, o) {
		switch row := (*RowError)(nil); {
		case errors.As(err, &row) && row.ID != "" && !strings.EqualFold(row.ID, instance):
		case err != nil:
			return false, err
		case strings.EqualFold(i.ID, instance):
			return true, nil
		}
	}
	return false, nil
}

// Send implements [approval.Source]. The step's name in the signal comes from
// an instance read immediately before: a name remembered from an earlier step
// could answer another question. The decision's account carries it.
func (w *Workflows) Send(ctx context.Context, d approval.Decision) error {
	instance, step, err := splitWorkflow(d.Request)
	if err != nil {
		return err
	}
	c, err := w.account(d.Account)
	if err != nil {
		return fmt.Errorf("signal %s: %w", d.Request, err)
	}
	i, err := c.Instance(ctx, instance)
	if err != nil {
		return fmt.Errorf("read %s before the signal: %w", d.Request, err)
	}
	if err := ready(i, step); err != nil {
		return fmt.Errorf("signal %s: %w", d.Request, err)
	}
	err = c.Signal(ctx, instance, SignalRequest{
		Key:      string(i.CurrentStepUniqueName) + "." + ApprovalStatus,
		Approved: d.Verdict == approval.Approve,
		Comment:  d.SignalComment(),
	})
	if refusedFlatly(err) && hasLeft(ctx, c, instance, step) {
		err = settled(err)
	}
	if err != nil {
		return fmt.Errorf("signal %s: %w", d.Request, err)
	}
	return nil
}

// ready tells why the step cannot be answered, nil if it can.
func ready(i Instance, step string) error {
	switch place := locate(i, step); {
	case place == answered:
		return fmt.Errorf("the step has its answer already: %w", approval.ErrSettled)
	case place != waiting:
		return fmt.Errorf("the instance does not wait at this step any more: %w", approval.ErrSettled)
	case !i.Signals.Awaited(ApprovalStatus), i.CurrentStepUniqueName == "":
		return fmt.Errorf("the step waits for something other than an approval: %w", approval.ErrRefused)
	}
	return nil
}

// hasLeft looks whether somebody was first.
func hasLeft(ctx context.Context, c *Client, instance, step string) bool {
	i, err := c.Instance(ctx, instance)
	if err != nil {
		return errors.Is(err, approval.ErrNotFound)
	}
	return locate(i, step) != waiting
}

// reference is the number people know an instance by.
func reference(i Instance) string {
	if i.ReferenceID == 0 {
		return ""
	}
	return strconv.FormatInt(int64(i.ReferenceID), 10)
}
