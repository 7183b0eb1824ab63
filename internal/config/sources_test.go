package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

const slackEnv = "SLACK_BOT_TOKEN=xoxb-1 SLACK_APP_TOKEN=xapp-1"

// withSlack is an environment that says enough about Slack, and about Keyfactor what the row says.
func withSlack(pairs ...string) func(string) string {
	return only(append(strings.Fields(slackEnv), pairs...)...)
}

const basic = "KEYFACTOR_USERNAME=svc KEYFACTOR_PASSWORD=pw"

func TestKeyfactorAddress(t *testing.T) {
	for name, row := range map[string]struct {
		env  string
		want string
	}{
		"a whole URL wins":            {"KEYFACTOR_URL=https://a.example.com/K KEYFACTOR_HOSTNAME=b.example.com", "https://a.example.com/K"},
		"a host gets the usual path":  {"KEYFACTOR_HOSTNAME=kf.example.com", "https://kf.example.com/KeyfactorAPI"},
		"scheme and path are ignored": {"KEYFACTOR_HOSTNAME=http://kf.example.com/Portal", "https://kf.example.com/KeyfactorAPI"},
		"port and path":               {"KEYFACTOR_HOSTNAME=kf.example.com KEYFACTOR_PORT=8443 KEYFACTOR_API_PATH=/Keyfactor/API/", "https://kf.example.com:8443/Keyfactor/API"},
		"the usual port is not said":  {"KEYFACTOR_HOSTNAME=kf.example.com KEYFACTOR_PORT=443", "https://kf.example.com/KeyfactorAPI"},
		"the host's own port stays":   {"KEYFACTOR_HOSTNAME=kf.example.com:9443 KEYFACTOR_PORT=8443", "https://kf.example.com:9443/KeyfactorAPI"},
		"IPv6":                        {"KEYFACTOR_HOSTNAME=[2001:db8::1] KEYFACTOR_PORT=8443", "https://[2001:db8::1]:8443/KeyfactorAPI"},
	} {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, minimal, withSlack(strings.Fields(basic+" "+row.env)...))
			require.Equal(t, row.want, c.Keyfactor.URL)
		})
	}
}

func TestLogin(t *testing.T) {
	const url = "KEYFACTOR_URL=https://kf.example.com/KeyfactorAPI "
	const oauth = "KEYFACTOR_AUTH_CLIENT_ID=bot KEYFACTOR_AUTH_CLIENT_SECRET=cs KEYFACTOR_AUTH_TOKEN_URL=https://idp.example.com/token "
	for name, row := range map[string]struct {
		env  string
		want func(a config.Auth) bool
	}{
		"domain joins a bare name":    {basic + " KEYFACTOR_DOMAIN=EXAMPLE", func(a config.Auth) bool { return a.Type == "basic" && a.Username == `EXAMPLE\svc` }},
		"a name with domain keeps it": {`KEYFACTOR_USERNAME=svc@example.com KEYFACTOR_PASSWORD=pw KEYFACTOR_DOMAIN=EXAMPLE`, func(a config.Auth) bool { return a.Username == "svc@example.com" }},
		"client credentials": {oauth + "KEYFACTOR_AUTH_SCOPES=openid,command KEYFACTOR_AUTH_AUDIENCE=kf", func(a config.Auth) bool {
			return a.Type == "oauth" && len(a.Scopes) == 2 && a.Audience == "kf" && a.ClientSecret.Reveal() == "cs"
		}},
		"client credentials over basic": {oauth + basic, func(a config.Auth) bool { return a.Type == "oauth" && a.Username == "" && a.Password.IsZero() }},
		"a ready token over all": {oauth + basic + " KEYFACTOR_AUTH_ACCESS_TOKEN=at", func(a config.Auth) bool {
			return a.Type == "token" && a.AccessToken.Reveal() == "at" && a.ClientID == ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, minimal, withSlack(strings.Fields(url+row.env)...))
			require.True(t, row.want(c.Keyfactor.Auth), "%+v", c.Keyfactor.Auth)
		})
	}
}

func TestTheFileWinsAndTheEnvironmentFillsItsGaps(t *testing.T) {
	c := mustParse(t, minimal+`
keyfactor:
  url: https://file.example.com/KeyfactorAPI
  auth: {username: from-file}
  timeout: 10s
  skip_verify: false
slack: {api_url: "https://file.example.com/api"}
`, environment("KEYFACTOR_CLIENT_TIMEOUT=99", "KEYFACTOR_SKIP_VERIFY=true", "SLACK_API_URL=https://env.example.com/api/", "KEYFACTOR_AUTH_CLIENT_ID=bot"))
	require.Equal(t, "https://file.example.com/KeyfactorAPI", c.Keyfactor.URL)
	require.Equal(t, "basic", c.Keyfactor.Auth.Type, "the file names the way, although the environment holds another")
	require.Equal(t, "from-file", c.Keyfactor.Auth.Username)
	require.Equal(t, "hunter2-hunter2", c.Keyfactor.Auth.Password.Reveal())
	require.Equal(t, 10*time.Second, c.Keyfactor.Timeout)
	require.False(t, c.Keyfactor.SkipVerify)
	require.Equal(t, "https://file.example.com/api/", c.Slack.APIURL)
}

func TestClientTimeoutWithAndWithoutUnit(t *testing.T) {
	for _, text := range []string{"60", "60s"} {
		require.Equal(t, time.Minute, mustParse(t, minimal, environment("KEYFACTOR_CLIENT_TIMEOUT="+text)).Keyfactor.Timeout)
	}
	require.Equal(t, []string{"environment: KEYFACTOR_CLIENT_TIMEOUT: is not a number of seconds, such as 60"},
		problems(t, minimal, environment("KEYFACTOR_CLIENT_TIMEOUT=soon")))
}

func TestTransportFollowsTheTokens(t *testing.T) {
	require.Equal(t, "socket", mustParse(t, minimal, environment("SLACK_SIGNING_SECRET=s1")).Slack.Transport, "an app token wins")
	c := mustParse(t, minimal, environment("SLACK_APP_TOKEN=", "SLACK_SIGNING_SECRET=s1,s2"))
	require.Equal(t, "http", c.Slack.Transport)
	require.Len(t, c.Slack.SigningSecrets(), 2)
	require.Equal(t, []string{"environment: SLACK_SIGNING_SECRET: holds 3 secrets; give one, or two with a comma between them while one is being replaced"},
		problems(t, minimal, environment("SLACK_APP_TOKEN=", "SLACK_SIGNING_SECRET=s1,s2,s3")))
	require.Equal(t, []string{"approvebot.yaml:5:8: slack.signing_secret: is not set; give it here, in signing_secret_file or in SLACK_SIGNING_SECRET"},
		problems(t, minimal+"slack: {transport: http}", environment()), "an app token does not help")
}

func TestNothingIsSet(t *testing.T) {
	require.Equal(t, []string{
		"approvebot.yaml:1:1: keyfactor.url: is not set; give the base of the API, such as https://command.example.com/KeyfactorAPI, here, in KEYFACTOR_URL or in KEYFACTOR_HOSTNAME",
		"approvebot.yaml:1:1: keyfactor.auth: says no way to log in; set username and password, or client_id, client_secret and token_url, or access_token, here or in the environment (KEYFACTOR_USERNAME and KEYFACTOR_PASSWORD, …)",
		"approvebot.yaml:1:1: slack.bot_token: is not set; give it here, in bot_token_file or in SLACK_BOT_TOKEN",
		"approvebot.yaml:1:1: slack.transport: cannot be told: set app_token (or SLACK_APP_TOKEN) for Socket Mode, or signing_secret (or SLACK_SIGNING_SECRET) for HTTP",
		"approvebot.yaml:1:1: routes: there is no route, so nothing would be shown to anybody; add one with name, channels and approvers",
	}, problems(t, "", only()))
}

func TestTheFileOfKeyfactorsTools(t *testing.T) {
	home := t.TempDir()
	write := func(text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(home, ".keyfactor"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(home, ".keyfactor", "command_config.json"), []byte(text), 0o600))
	}
	write(`{"servers": {
	  "default": {"host": "kf.example.com", "port": 8443, "api_path": "KeyfactorAPI", "auth_type": "basic", "username": "svc", "domain": "EXAMPLE", "password": "from-profile", "client_timeout": 60, "skip_tls_verify": true},
	  "idp": {"host": "idp.example.com", "auth_type": "oauth", "client_id": "bot", "client_secret": "cs", "token_url": "https://idp.example.com/token", "scopes": ["openid"], "unknown": {"x": 1}},
	  "krb": {"host": "krb.example.com", "auth_type": "kerberos"}}}`)

	t.Run("the default server", func(t *testing.T) {
		c, warnings, err := config.Parse("approvebot.yaml", []byte(minimal), withSlack("HOME="+home))
		require.NoError(t, err)
		require.Equal(t, "https://kf.example.com:8443/KeyfactorAPI", c.Keyfactor.URL)
		require.Equal(t, `EXAMPLE\svc`, c.Keyfactor.Auth.Username)
		require.Equal(t, "from-profile", c.Keyfactor.Auth.Password.Reveal())
		require.Equal(t, time.Minute, c.Keyfactor.Timeout)
		require.True(t, c.Keyfactor.SkipVerify)
		require.Len(t, warnings, 1)
		require.Equal(t, "servers.default.skip_tls_verify", warnings[0].Path)
	})
	t.Run("another server", func(t *testing.T) {
		c := mustParse(t, minimal, withSlack("HOME="+home, "KEYFACTOR_AUTH_CONFIG_PROFILE=idp"))
		require.Equal(t, "https://idp.example.com/KeyfactorAPI", c.Keyfactor.URL)
		require.Equal(t, "oauth", c.Keyfactor.Auth.Type)
		require.Equal(t, []string{"openid"}, c.Keyfactor.Auth.Scopes)
	})
	t.Run("the environment wins, gaps are filled", func(t *testing.T) {
		c := mustParse(t, minimal, withSlack("HOME="+home, "KEYFACTOR_HOSTNAME=env.example.com", "KEYFACTOR_PORT=443", "KEYFACTOR_USERNAME=EXAMPLE\\env"))
		require.Equal(t, "https://env.example.com/KeyfactorAPI", c.Keyfactor.URL)
		require.Equal(t, `EXAMPLE\env`, c.Keyfactor.Auth.Username)
		require.Equal(t, "from-profile", c.Keyfactor.Auth.Password.Reveal())
	})
	t.Run("who was told everything does not look", func(t *testing.T) {
		c := mustParse(t, minimal, environment("HOME="+home))
		require.False(t, c.Keyfactor.SkipVerify)
		require.Equal(t, 10*time.Second, c.Keyfactor.Timeout)
	})
	t.Run("a server that is not there", func(t *testing.T) {
		require.Contains(t, problems(t, minimal, withSlack("HOME="+home, "KEYFACTOR_AUTH_CONFIG_PROFILE=nope")),
			"environment: KEYFACTOR_AUTH_CONFIG_PROFILE: there is no server nope in "+filepath.Join(home, ".keyfactor", "command_config.json"))
	})
	t.Run("Kerberos", func(t *testing.T) {
		require.Equal(t, []string{filepath.Join(home, ".keyfactor", "command_config.json") + ": servers.krb.auth_type: approvebot does not speak Kerberos; use basic, oauth or token"},
			problems(t, minimal, withSlack("HOME="+home, "KEYFACTOR_AUTH_CONFIG_PROFILE=krb")))
	})
	t.Run("a named file that is missing", func(t *testing.T) {
		require.Contains(t, problems(t, minimal, withSlack("KEYFACTOR_AUTH_CONFIG_FILE=/nonexistent/c.json")),
			"environment: KEYFACTOR_AUTH_CONFIG_FILE: there is no file /nonexistent/c.json")
	})
	t.Run("a broken file shows none of its secrets", func(t *testing.T) {
		write(`{"servers": {"default": {"password": "hunter2-hunter2", "host": [}}}`)
		got := strings.Join(problems(t, minimal, withSlack("HOME="+home)), "\n")
		require.Contains(t, got, "this file of Keyfactor's tools cannot be read")
		require.NotContains(t, got, "hunter2")
	})
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "\n", "wrong": "xapp-not-a-bot\n", "huge": strings.Repeat("x", 1<<20+1)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for name, row := range map[string]struct{ slack, want string }{
		"missing":         {"bot_token_file: " + dir + "/none", "slack.bot_token_file: there is no file " + dir + "/none"},
		"empty":           {"bot_token_file: " + dir + "/empty", "slack.bot_token_file: the file is empty; write the secret into it"},
		"a folder":        {"bot_token_file: " + dir, "slack.bot_token_file: " + dir + " cannot be read: is a directory"},
		"too large":       {"bot_token_file: " + dir + "/huge", "slack.bot_token_file: the file is larger than one megabyte; is it the right one?"},
		"wrong content":   {"bot_token_file: " + dir + "/wrong", "slack.bot_token: is not a bot token: those begin with xoxb-; find it in the app's settings under OAuth & Permissions"},
		"twice":           {"bot_token_file: " + dir + "/wrong, bot_token: xoxb-1", "slack.bot_token_file: is given together with bot_token; keep one of them"},
		"unset variable":  {"bot_token_file: '${NOWHERE}" + dir + "/wrong'", "slack.bot_token_file: the variable NOWHERE is not set in the environment"},
		"a list":          {"bot_token: [xoxb-1]", "slack.bot_token: a secret is one text, not a sequence"},
		"a password as *": {"bot_token: *hunter2", `slack.bot_token: write a value that begins with * in quotes: "*.example.com"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, minimal+"slack: {"+row.slack+"}\n", environment("SLACK_BOT_TOKEN="))
			require.Regexp(t, `^approvebot.yaml:5:\d+: `, got[0])
			require.True(t, strings.HasSuffix(got[0], row.want), got[0])
			require.NotContains(t, strings.Join(got, "\n"), "hunter2")
		})
	}
}

func TestCertificateAuthorities(t *testing.T) {
	dir := t.TempDir()
	ca := certificate(t)
	file := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(file, ca, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "not.pem"), []byte("hello"), 0o600))

	c := mustParse(t, minimal+"keyfactor: {ca_file: "+file+"}", environment("KEYFACTOR_CA_CERT=/ignored"))
	require.Equal(t, ca, c.Keyfactor.CAPEM)
	require.False(t, c.Keyfactor.CAOnly, "the file's adds to the system's")

	for _, value := range []string{file, string(ca)} {
		c = mustParse(t, minimal, environment("KEYFACTOR_CA_CERT="+value))
		require.Equal(t, strings.TrimSpace(string(ca)), strings.TrimSpace(string(c.Keyfactor.CAPEM)))
		require.True(t, c.Keyfactor.CAOnly, "the variable replaces the system's")
	}
	require.Equal(t, []string{"environment: KEYFACTOR_CA_CERT: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"},
		problems(t, minimal, environment("KEYFACTOR_CA_CERT="+filepath.Join(dir, "not.pem"))))
	require.Equal(t, []string{"environment: KEYFACTOR_CA_CERT: there is no file " + dir + "/none.pem"},
		problems(t, minimal, environment("KEYFACTOR_CA_CERT="+dir+"/none.pem")))
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
