PANEL = 'faas_webhooks'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.webhooks.panel.Webhooks'
