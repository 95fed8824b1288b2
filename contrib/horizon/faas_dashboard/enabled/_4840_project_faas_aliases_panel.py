PANEL = 'faas_aliases'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.aliases.panel.Aliases'
