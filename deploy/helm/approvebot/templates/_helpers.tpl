{{- define "approvebot.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "approvebot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "approvebot.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "approvebot.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "approvebot.selector" -}}
app.kubernetes.io/name: {{ include "approvebot.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "approvebot.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "approvebot.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "approvebot.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "approvebot.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "approvebot.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* The configuration with what follows from the chart's other values. */}}
{{- define "approvebot.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $filled := dict "http" (dict "listen" ":8080") -}}
{{- if eq .Values.database.kind "postgres" -}}
{{- $_ := set $filled "store" (dict "url_file" "${CREDENTIALS_DIRECTORY}/store-url") -}}
{{- end -}}
{{- toYaml (mergeOverwrite $filled $config) -}}
{{- end -}}

{{/* What both kinds of workload have in common. */}}
{{- define "approvebot.pod" -}}
metadata:
  labels:
    {{- include "approvebot.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration is taken up by new pods, one after the other.
    checksum/config: {{ include "approvebot.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "approvebot.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: approvebot
      image: {{ include "approvebot.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - run
        {{- with .Values.logLevel }}
        - --log-level={{ . }}
        {{- end }}
      env:
        - {name: APPROVEBOT_CONFIG, value: /etc/approvebot/approvebot.yaml}
        - {name: CREDENTIALS_DIRECTORY, value: /run/secrets/approvebot}
        - {name: STATE_DIRECTORY, value: /var/lib/approvebot}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: http, containerPort: 8080}
      # A database may have to be migrated first.
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 2
        failureThreshold: 90
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        timeoutSeconds: 5
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: config, mountPath: /etc/approvebot, readOnly: true}
        - {name: secrets, mountPath: /run/secrets/approvebot, readOnly: true}
        - {name: state, mountPath: /var/lib/approvebot}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ include "approvebot.fullname" . }}}
    - name: secrets
      secret: {secretName: {{ .Values.secretName | quote }}, defaultMode: 0440}
    {{- if eq .Values.database.kind "postgres" }}
    - name: state
      emptyDir: {}
    {{- else if .Values.persistence.existingClaim }}
    - name: state
      persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim | quote }}}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
