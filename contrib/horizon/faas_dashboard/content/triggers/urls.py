from django.urls import path

from faas_dashboard.content.triggers import letters
from faas_dashboard.content.triggers import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('create/', views.Sources.as_view(), name='create'),
    path('create/<str:source>/', views.Create.as_view(), name='create_of'),
    path('<str:id>/', views.Detail.as_view(), name='detail'),
    path('<str:id>/edit/', views.Edit.as_view(), name='edit'),
    path('<str:id>/delete/', views.Delete.as_view(), name='delete'),
    path('<str:id>/rotate/', views.Rotate.as_view(), name='rotate'),
    path('<str:id>/set/<str:status>/', views.SetStatus.as_view(), name='set'),
    path('<str:id>/replay/', letters.Replay.as_view(), name='replay'),
    path('<str:id>/dead_letters/<str:letter>/replay/', letters.Replay.as_view(), name='replay_one'),
    path('<str:id>/dead_letters/<str:letter>/delete/', letters.Forget.as_view(), name='forget'),
]
