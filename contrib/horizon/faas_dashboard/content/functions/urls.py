from django.urls import path

from faas_dashboard.content.functions import code
from faas_dashboard.content.functions import run
from faas_dashboard.content.functions import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('create/', code.Create.as_view(), name='create'),
    path('<str:id>/', views.Detail.as_view(), name='detail'),
    path('<str:id>/edit/', views.Edit.as_view(), name='edit'),
    path('<str:id>/delete/', views.Delete.as_view(), name='delete'),
    path('<str:id>/code/', code.Code.as_view(), name='code'),
    path('<str:id>/download/', code.Download.as_view(), name='download'),
    path('<str:id>/run/', run.Run.as_view(), name='run'),
    path('<str:id>/versions/', views.Versions.as_view(), name='versions'),
    path('<str:id>/versions/create/', views.CreateVersion.as_view(), name='create_version'),
    path('<str:id>/versions/<int:number>/delete/', views.DeleteVersion.as_view(), name='delete_version'),
    path('<str:id>/workers/', views.Workers.as_view(), name='workers'),
    path('<str:id>/workers/<str:verb>/', views.Scale.as_view(), name='scale'),
]
