{{/* Names and parts that several templates share. Every definition takes a dictionary with `root`, and `role` or `name` where it is of one. */}}

{{- define "aiworkflow.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What pods are found by; `component` is a role: agent-planner, tools-lakehouse, intake. */}}
{{- define "aiworkflow.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "aiworkflow.labels" -}}
{{ include "aiworkflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: aiworkflow
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "aiworkflow.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "aiworkflow.claim" -}}
{{ .Values.workspace.existingClaim | default (printf "%s-workspace" (include "aiworkflow.fullname" .)) }}
{{- end }}

{{/* An entry of `env` from the Secret. Dictionary: root, env, key, optional. */}}
{{- define "aiworkflow.secret" -}}
- name: {{ .env }}
  valueFrom:
    secretKeyRef: { name: {{ .root.Values.secrets.name }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }} }
{{- end }}

{{/* Settings that every process has. */}}
{{- define "aiworkflow.settings" -}}
{{- $values := .root.Values -}}
- { name: AIWORKFLOW_BUS, value: {{ printf "kafka://%s" $values.kafka.brokers | quote }} }
- { name: AIWORKFLOW_KAFKA_PARTITIONS, value: {{ $values.kafka.partitions | quote }} }
- { name: AIWORKFLOW_KAFKA_REPLICATION, value: {{ $values.kafka.replication | quote }} }
- { name: AIWORKFLOW_KAFKA_TLS, value: {{ $values.kafka.tls | quote }} }
{{- if ne $values.kafka.sasl.mechanism "none" }}
- { name: AIWORKFLOW_KAFKA_SASL, value: {{ printf "%s:%s" $values.kafka.sasl.mechanism $values.kafka.sasl.username | quote }} }
{{ include "aiworkflow.secret" (dict "root" .root "env" "AIWORKFLOW_KAFKA_PASSWORD" "key" $values.secrets.keys.kafkaPassword) }}
{{- end }}
- { name: AIWORKFLOW_STATE, value: {{ $values.redis.url | quote }} }
{{ include "aiworkflow.secret" (dict "root" .root "env" "AIWORKFLOW_REDIS_PASSWORD" "key" $values.secrets.keys.redisPassword "optional" true) }}
{{- with $values.kafka.namespace }}
- { name: AIWORKFLOW_NAMESPACE, value: {{ . | quote }} }
{{- end }}
- { name: AIWORKFLOW_LAKEHOUSE_CATALOG, value: {{ $values.lakehouse.catalog | quote }} }
- { name: AIWORKFLOW_LAKEHOUSE_WAREHOUSE, value: {{ $values.lakehouse.warehouse | quote }} }
{{- with $values.otlpEndpoint }}
- { name: AIWORKFLOW_TELEMETRY, value: otlp }
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- { name: OTEL_RESOURCE_ATTRIBUTES, value: "k8s.namespace.name={{ .root.Release.Namespace }},k8s.pod.name=$(POD_NAME)" }
{{- end }}

{{/* Where an agent and the intake find the tool servers. */}}
{{- define "aiworkflow.servers" -}}
{{- range $name, $server := .root.Values.tools -}}
- { name: AIWORKFLOW_TOOLS_{{ upper $name }}, value: {{ printf "http://%s-tools-%s:%v" (include "aiworkflow.fullname" $.root) $name $server.port | quote }} }
{{ end }}
{{- end }}

{{- define "aiworkflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "aiworkflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where and how a pod runs. Dictionary: root, component, account, token. */}}
{{- define "aiworkflow.pod" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ .account | default (include "aiworkflow.fullname" .root) }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
securityContext: {{- include "aiworkflow.podSecurity" . | nindent 2 }}
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "aiworkflow.selector" . | nindent 8 }}
{{- end }}

{{/* What an orchestrator asks a process at the port `health`. Dictionary: ready, the path that says whether it takes work. */}}
{{- define "aiworkflow.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: {{ .ready }}, port: health }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/* Folders that pods mount have to be there before, and theirs: what the cluster makes itself is root's. */}}
{{- define "aiworkflow.prepare" -}}
{{- if .Values.workspace.prepare -}}
initContainers:
  - name: prepare
    image: {{ include "aiworkflow.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command: [sh, -c, aiworkflow init /workspace && mkdir -p /workspace/.aiworkflow/deliveries /workspace/.aiworkflow/runs]
    resources: { requests: { cpu: 50m, memory: 128Mi }, limits: { memory: 512Mi } }
    securityContext: {{- include "aiworkflow.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - { name: workspace, mountPath: /workspace }
      - { name: tmp, mountPath: /tmp }
{{- end }}
{{- end }}
