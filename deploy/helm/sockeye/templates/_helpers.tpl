{{- define "sockeye.name" -}}
{{- if contains "sockeye" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-sockeye" (.Release.Name | trunc 44 | trimSuffix "-") }}{{ end -}}
{{- end }}

{{- define "sockeye.selector" -}}
app.kubernetes.io/name: sockeye
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sockeye.labels" -}}
{{ include "sockeye.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What a pod is, whoever makes it. */}}
{{- define "sockeye.pod" -}}
metadata:
  labels:
    {{- include "sockeye.selector" . | nindent 4 }}
  annotations:
    # Other settings make other pods.
    checksum/settings: {{ toYaml .Values.settings | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  # Variables such as SOCKEYE_PORT would look like settings.
  enableServiceLinks: false
  # The stop itself, what it waits before, and some for the rest.
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds .Values.drainSeconds 15 }}
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
  containers:
    - name: sockeye
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/sockeye/sockeye.yaml]
      env:
        - {name: SOCKEYE_DATA, value: /data}
        - {name: SOCKEYE_DRAIN_TIMEOUT, value: {{ printf "%ds" (int .Values.drainSeconds) }}}
        {{- range $setting, $secret := dict "DATABASE" .Values.secrets.database "REDIS" .Values.secrets.redis "JWT_SECRET" .Values.secrets.jwtSecret "ISSUERS" .Values.secrets.issuers }}
        {{- if $secret.name }}
        - {name: SOCKEYE_{{ $setting }}_FILE, value: /run/secrets/sockeye/{{ $setting | lower }}/value}
        {{- end }}
        {{- end }}
        {{- if .Values.secrets.database.name }}
        - {name: SOCKEYE_CLUSTER_LISTEN, value: ":3001"}
        - name: SOCKEYE_CLUSTER_ADDRESS
          valueFrom: {fieldRef: {fieldPath: status.podIP}}
        {{- end }}
      ports:
        - {name: http, containerPort: 3000}
        {{- if .Values.secrets.database.name }}
        - {name: cluster, containerPort: 3001}
        {{- end }}
      # It lives as long as it can answer at all: a database that is away is no reason to start it again.
      livenessProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # Every second, as it lets in whom a balancer sends for a fifth of drain-timeout only.
      readinessProbe:
        httpGet: {path: /ready, port: http}
        periodSeconds: 1
        timeoutSeconds: 3
        failureThreshold: 1
      # A new version may bring a large database up to date first.
      startupProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 1
        timeoutSeconds: 3
        failureThreshold: 3600
      lifecycle:
        preStop:
          sleep: {seconds: {{ .Values.preStopSeconds }}}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: settings, mountPath: /etc/sockeye, readOnly: true}
        {{- range $setting, $secret := dict "database" .Values.secrets.database "redis" .Values.secrets.redis "jwt_secret" .Values.secrets.jwtSecret "issuers" .Values.secrets.issuers }}
        {{- if $secret.name }}
        - {name: {{ $setting | replace "_" "-" }}, mountPath: /run/secrets/sockeye/{{ $setting }}, readOnly: true}
        {{- end }}
        {{- end }}
  volumes:
    - name: settings
      configMap: {name: {{ include "sockeye.name" . }}}
    {{- range $setting, $secret := dict "database" .Values.secrets.database "redis" .Values.secrets.redis "jwt_secret" .Values.secrets.jwtSecret "issuers" .Values.secrets.issuers }}
    {{- if $secret.name }}
    - name: {{ $setting | replace "_" "-" }}
      secret:
        secretName: {{ $secret.name }}
        defaultMode: 0440
        items: [{key: {{ $secret.key }}, path: value}]
    {{- end }}
    {{- end }}
    {{- if .Values.secrets.database.name }}
    - name: data
      emptyDir: {sizeLimit: 64Mi}
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
  {{- if .Values.secrets.database.name }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sockeye.selector" . | nindent 10 }}
  {{- end }}
{{- end }}
